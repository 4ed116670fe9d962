/* product.c: does what it is asked (protocol.ts). What it has beside its bank its builder says when it compiles: NEEDS lists uses. */
#include <bailiwick.h>
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>
#include <bailiwick/constructor.h>

#include "protocol.h"

BW_USE(bank);
#ifdef NEEDS
BW_USE(phone);
BW_USE(page);
#endif

enum { SLOT_SENT = 128, SLOT_FRAMES = 140, MOST_FRAMES = 80, SLOT_THREAD = 130, SLOT_SCRATCH = 136, SLOT_PRODUCT = 137 };
#define PLACE (BW_THREAD_ADDRESSES + 16 * BW_PAGE)

/* More than a page, and not a multiple of 8 bytes. */
static uint8_t text[5003] = {[0] = 'a', [1] = 'b', [4095] = 'c', [4096] = 'd', [5002] = 'e'};
static uint64_t numbers[] = {1, 2, 3, 0x123456789abcdef0};
static const uint64_t constants[] = {7, 8, 9};
static uint8_t zeroed[9001];
static uint64_t times, word;

static bool is_right(void) {
    uint64_t sum = 0, zeros = 0;
    for (size_t i = 0; i < sizeof text; i++) sum += text[i];
    for (size_t i = 0; i < sizeof zeroed; i++) zeros += zeroed[i] == 0;
    return sum == 'a' + 'b' + 'c' + 'd' + 'e' && text[4096] == 'd' && text[5002] == 'e' && zeros == sizeof zeroed && numbers[0] + numbers[1] + numbers[2] == 6 && numbers[3] == 0x123456789abcdef0
        && constants[0] + constants[1] + constants[2] == 24 && strcmp(bw_name(), "p") >= 0 && bw_slots() == 256;
}

static uint32_t do_data(struct bw_request *r) {
    static bool right;
    if (times == 0) right = is_right();
    memset(text, 1, sizeof text);
    memset(zeroed, 1, sizeof zeroed);
    memset(numbers, 1, sizeof numbers);
    r->w[0] = right, r->w[1] = ++times;
    r->answer_length = 2;
    return 0;
}

static uint32_t answer(struct bw_request *r, uint64_t value) {
    r->w[0] = value;
    r->answer_length = 1;
    return 0;
}

static uint32_t do_store(struct bw_request *r) {
    const uint64_t before = word;
    word = r->w[0];
    return answer(r, before);
}

static uint32_t do_heap(struct bw_request *r) {
    uint64_t pages = 0;
    while (pages < MOST_FRAMES && bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, BW_PAGE_BITS, 1, BW_SLOT_CNODE, SLOT_FRAMES + pages) == 0) {
        volatile uint64_t *at = (volatile uint64_t *)(PLACE + pages * BW_PAGE);
        if (bw_frame_map(SLOT_FRAMES + pages, (uint64_t)at, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0 || *at != 0) break;
        *at = pages++;
    }
    for (uint64_t i = 0; i < pages; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_FRAMES + i);
    return answer(r, pages);
}

static uint64_t sum;
static void add(void *upto) { for (uint64_t i = 1; i <= (uint64_t)upto; i++) sum += i; }

static uint32_t do_thread(struct bw_request *r) {
    static struct bw_thread thread;
    const struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = SLOT_THREAD, .address = BW_THREAD_ADDRESSES, .stack_pages = 1};
    const uint64_t number = r->w[0];
    bw_err error = bw_thread_make(&thread, &room, "adds", 0);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_NOTIFICATION, 0, 1, BW_SLOT_CNODE, SLOT_SCRATCH);
    thread.finished = SLOT_SCRATCH;
    if (error == 0) error = bw_tcb_set_priority(thread.tcb, 40, 40, BW_SLOT_TCB);
    if (error == 0) error = bw_sched_context_bind(SLOT_SENT, thread.tcb);
    if (error == 0) error = bw_thread_start(&thread, add, (void *)number);
    if (error != 0) return PRODUCT_E_CANNOT;
    bw_thread_join(&thread);
    return answer(r, sum);
}

static uint32_t do_kind(struct bw_request *r) {
    uint32_t kind = 0, rights = 0;
    if (bw_discrim_classify(BW_SLOT_DISCRIM, r->w[0], &kind, &rights) != 0) return PRODUCT_E_CANNOT;
    r->w[0] = kind, r->w[1] = rights;
    r->answer_length = 2;
    return 0;
}

static uint32_t do_exit(struct bw_request *r) {
    (void)r;
    bw_exit(3);
}

static uint32_t do_read(struct bw_request *r) { return answer(r, *(volatile uint64_t *)r->w[0]); }
static uint32_t do_write(struct bw_request *r) {
    *(volatile uint64_t *)r->w[0] = r->w[1];
    return 0;
}
static uint32_t do_remove(struct bw_request *r) { return answer(r, bw_cnode_delete(BW_SLOT_CNODE, r->w[0])); }

static uint32_t do_map(struct bw_request *r) {
    const bw_err error = bw_frame_map(r->w[0], PLACE, BW_SLOT_VSPACE, (uint32_t)r->w[1]);
    r->w[1] = error == 0 && (r->w[1] & BW_RIGHT_READ) != 0 ? *(volatile uint64_t *)PLACE : 0;
    r->w[0] = error;
    r->answer_length = 2;
    return 0;
}

static uint32_t do_spin(struct bw_request *r) {
    for (;; r->w[0]++) bw_yield();
    return 0;
}

static uint32_t do_bank(struct bw_request *r) {
    struct bw_bank_check check;
    uint64_t number = 0;
    const uint64_t what = r->w[0];
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_SCRATCH);
    if (what == 0) return answer(r, bw_bank_buy(bw_use_bank.cap, BW_PAGE_BITS, SLOT_SCRATCH, &number));
    if (what == 1) return answer(r, bw_bank_make(bw_use_bank.cap, 4096, 0, 0, "below", SLOT_SCRATCH));
    if (what == 2) return answer(r, bw_bank_destroy(bw_use_bank.cap));
    (void)bw_bank_verify(bw_use_bank.cap, bw_use_bank.cap, &check);
    return answer(r, check.rights);
}

static uint32_t do_inner(struct bw_request *r) {
    const struct bw_yield yield = {.bank = bw_use_bank.cap, .schedule = SLOT_SENT, .keeper = BW_SLOT_SERVICE};
    const uint64_t of = r->w[1];
    uint64_t number = 0;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_PRODUCT);
    r->w[0] = bw_constructor_yield(r->w[0], &yield, SLOT_PRODUCT, &number);
    const struct bw_msg m = bw_call(SLOT_PRODUCT, bw_info(PRODUCT_KIND, 1, 0), of, 0, 0, 0);
    r->w[1] = m.w[0], r->w[2] = m.w[1];
    r->answer_length = 3;
    return 0;
}

static uint32_t do_call(struct bw_request *r) {
    const struct bw_msg m = bw_call(r->w[0], bw_info((uint32_t)r->w[1], 1, 0), r->w[2], 0, 0, 0);
    r->w[0] = bw_error(&m), r->w[1] = bw_label(&m);
    r->answer_length = 2;
    return 0;
}

static uint32_t do_use(struct bw_request *r) {
#ifdef NEEDS
    return answer(r, r->w[0] == 0 ? bw_use_bank.cap : r->w[0] == 1 ? bw_use_phone.cap : bw_use_page.cap);
#else
    return answer(r, bw_use_bank.cap);
#endif
}

int main(void) {
    static const struct bw_method methods[] = {
        {.label = PRODUCT_DATA, .handle = do_data}, {.label = PRODUCT_STORE, .words = 1, .handle = do_store}, {.label = PRODUCT_HEAP, .handle = do_heap},
        {.label = PRODUCT_THREAD, .words = 1, .handle = do_thread}, {.label = PRODUCT_KIND, .words = 1, .handle = do_kind}, {.label = PRODUCT_EXIT, .handle = do_exit},
        {.label = PRODUCT_READ, .words = 1, .handle = do_read}, {.label = PRODUCT_REMOVE, .words = 1, .handle = do_remove}, {.label = PRODUCT_MAP, .words = 2, .handle = do_map},
        {.label = PRODUCT_SPIN, .handle = do_spin}, {.label = PRODUCT_BANK, .words = 1, .handle = do_bank}, {.label = PRODUCT_INNER, .words = 2, .handle = do_inner},
        {.label = PRODUCT_CALL, .words = 3, .handle = do_call}, {.label = PRODUCT_WRITE, .words = 2, .handle = do_write}, {.label = PRODUCT_USE, .words = 1, .handle = do_use},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = PRODUCT_E_BAD_REQUEST, .receive_first = SLOT_SENT, .receive_count = 1};
    bw_serve(&service);
}
