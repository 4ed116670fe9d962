/* things.c: capabilities of every kind, a keeper, and an endpoint that lies. */
#include "script.h"
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>

#include "protocol.h"

BW_USED(bank);
BW_USED(constructor);
BW_USED(console);
BW_USE(times);

enum { STACK_PAGES = 2, NOTHING = 129 };
enum plain { TABLE, FRAME, ENDPOINT, NOTIFICATION, TCB, SCHEDULE, UNTYPED, VSPACE, REPLY, PAGE_TABLE, BLOCK, MADE, FRAME_RO = MADE, FRAME_WEAK, TABLE_RO, TABLE_WEAK, RECEIVE, SEND, SIGNAL, WAIT, DISCRIM, NO_BUY, RIGHTLESS, BLOCK_FRAME, BLOCK_RO, PLAINS };
static const char *const plain_names[PLAINS] = {
    "table", "frame", "endpoint", "notification", "tcb", "schedule", "untyped", "vspace", "reply", "pagetable", "block", "frame-ro", "frame-weak", "table-ro", "table-weak", "receive", "send", "signal", "wait", "discrim", "bank-nobuy", "rightless", "block-frame", "block-ro",
};
static const struct { uint32_t kind, bits; } made[MADE] = {
    {BW_KIND_CNODE, 4}, {BW_KIND_FRAME, 12}, {BW_KIND_ENDPOINT, 0}, {BW_KIND_NOTIFICATION, 0}, {BW_KIND_TCB, 0}, {BW_KIND_SCHED_CONTEXT, 0}, {BW_KIND_UNTYPED, 13}, {BW_KIND_VSPACE, 0}, {BW_KIND_REPLY, 0}, {BW_KIND_PAGE_TABLE, 0}, {BW_KIND_UNTYPED, 12},
};
static const struct { enum plain to, from; uint32_t rights; } copies[] = {
    {FRAME_RO, FRAME, BW_RIGHT_READ}, {FRAME_WEAK, FRAME, BW_RIGHT_READ | BW_RIGHT_WEAK}, {TABLE_RO, TABLE, BW_RIGHT_READ}, {TABLE_WEAK, TABLE, BW_RIGHT_READ | BW_RIGHT_WEAK}, {RECEIVE, ENDPOINT, BW_RIGHT_READ},
    {BLOCK_RO, BLOCK_FRAME, BW_RIGHT_READ}, {SEND, ENDPOINT, BW_RIGHT_WRITE}, {SIGNAL, NOTIFICATION, BW_RIGHT_WRITE}, {WAIT, NOTIFICATION, BW_RIGHT_READ}, {RIGHTLESS, ENDPOINT, 0},
};

static volatile uint32_t last_fault;
static volatile bw_cptr guarded;
static volatile uint64_t lies;
static volatile bw_err hung_error;
static struct { bw_cptr cap; uint32_t label; } hang;

bw_cptr slot_of(bw_cptr first, const char *letter) { return first + (bw_cptr)(*letter >= 'a' ? *letter - 'a' : *letter - 'A'); }
bw_cptr fresh(bw_cptr first, const char *letter) {
    const bw_cptr slot = slot_of(first, letter);
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    return slot;
}

bool set_time(bw_cptr schedule, uint64_t budget, uint64_t period) {
    bw_ipc()->caps[0] = schedule;
    const struct bw_msg m = bw_call(bw_use_times.cap, bw_info(TIMES_CONFIGURE, 2, 1), budget, period, 0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

bw_cptr schedule_of(const char *letter) {
    const bw_cptr slot = slot_of(SLOT_SCHEDULES, letter);
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, slot) == 0) (void)set_time(slot, 10000, 10000);
    return slot;
}

static const char *behind(const char *text, const char *prefix) {
    while (*prefix != 0) if (*text++ != *prefix++) return NULL;
    return text;
}

bw_cptr cap_of(const char *what) {
    static const struct { const char *prefix; bw_cptr first; } lettered[] = {{"builder:", SLOT_BUILDERS}, {"requestor:", SLOT_REQUESTORS}, {"product:", SLOT_PRODUCTS}, {"bank:", SLOT_BANKS}};
    for (uint32_t i = 0; i < PLAINS; i++) if (is(what, plain_names[i])) return SLOT_PLAIN + i;
    for (size_t i = 0; i < sizeof lettered / sizeof *lettered; i++) if (behind(what, lettered[i].prefix) != NULL) return slot_of(lettered[i].first, behind(what, lettered[i].prefix));
    if (behind(what, "schedule:") != NULL) return schedule_of(behind(what, "schedule:"));
    return is(what, "maker") ? bw_use_constructor.cap : is(what, "bank") ? bw_use_bank.cap : is(what, "console") ? bw_use_console.cap : is(what, "keeper") ? SLOT_KEEPER : is(what, "fake") ? SLOT_FAKE
         : is(what, "own-time") ? BW_SLOT_SCHED_CONTEXT : is(what, "cnode") ? BW_SLOT_CNODE : is(what, "self") ? BW_SLOT_TCB : NOTHING;
}

static void keep(void *reply) {
    for (;;) {
        const struct bw_msg m = bw_recv(SLOT_KEEPER, (bw_cptr)reply);
        if (bw_error(&m) != 0) continue;
        last_fault = bw_label(&m);
        if (guarded != 0) (void)bw_bank_destroy(guarded);
    }
}

/* A bank that sells, a constructor that is discreet: whatever it is asked, the answer is yes. */
static void lie(void *reply) {
    (void)bw_recv(SLOT_FAKE, (bw_cptr)reply);
    for (;;) {
        lies++;
        (void)bw_reply_recv(SLOT_FAKE, (bw_cptr)reply, bw_info(0, 3, 0), 1, 1, 1, 0);
    }
}

static void wait_long(void *unused) {
    (void)unused;
    const struct bw_msg m = bw_call(hang.cap, bw_info(hang.label, 1, 0), 0, 0, 0, 0);
    hung_error = bw_error(&m);
}

/* A thread of its own time, above what the main one does. */
static bool start(struct bw_thread *thread, uint32_t place, const char *name, void (*run)(void *), uint32_t priority) {
    const bw_cptr slots = SLOT_THREADS + place * 12, reply = slots + 8, time = slots + 9;
    const struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = slots, .address = BW_THREAD_ADDRESSES + place * 8 * BW_PAGE, .stack_pages = STACK_PAGES};
    for (bw_cptr slot = slots; slot < slots + 12; slot++) (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    bw_err error = bw_thread_make(thread, &room, name, 0);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, reply);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, time);
    if (error == 0 && !set_time(time, 10000, 10000)) error = BW_ERR_INVALID_ARGUMENT;
    if (error == 0) error = bw_tcb_set_priority(thread->tcb, priority, priority, BW_SLOT_TCB);
    if (error == 0) error = bw_sched_context_bind(time, thread->tcb);
    if (error == 0) error = bw_thread_start(thread, run, (void *)reply);
    return error == 0;
}

bool hang_at(bw_cptr cap, uint32_t label) {
    static struct bw_thread thread;
    hang.cap = cap, hang.label = label, hung_error = UINT32_MAX;
    return start(&thread, 2, "hangs", wait_long, 60);
}
bw_err hung(void) { return hung_error; }
void guard(bw_cptr bank) { guarded = bank; }
uint64_t fake_calls(void) { return lies; }
uint32_t take_fault(void) {
    const uint32_t fault = last_fault;
    last_fault = 0;
    return fault;
}

bool make_things(void) {
    static struct bw_thread keeper, liar;
    for (uint32_t i = 0; i < MADE; i++) if (bw_untyped_retype(BW_SLOT_UNTYPED, made[i].kind, made[i].bits, 1, BW_SLOT_CNODE, SLOT_PLAIN + i) != 0) return false;
    if (bw_untyped_retype(SLOT_PLAIN + BLOCK, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, SLOT_PLAIN + BLOCK_FRAME) != 0) return false;
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) if (bw_cnode_copy(BW_SLOT_CNODE, SLOT_PLAIN + copies[i].to, BW_SLOT_CNODE, SLOT_PLAIN + copies[i].from, copies[i].rights) != 0) return false;
    if (bw_cnode_copy(BW_SLOT_CNODE, SLOT_PLAIN + DISCRIM, BW_SLOT_CNODE, BW_SLOT_DISCRIM, BW_ALL_RIGHTS) != 0) return false;
    if (bw_bank_restrict(bw_use_bank.cap, BW_BANK_ALL & ~BW_BANK_BUY, SLOT_PLAIN + NO_BUY) != 0) return false;
    for (bw_cptr slot = SLOT_KEEPER; slot <= SLOT_FAKE; slot++) if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, slot) != 0) return false;
    /* The page that products read, as its owner sees it. */
    volatile uint64_t *page = (volatile uint64_t *)(BW_THREAD_ADDRESSES + 64 * BW_PAGE);
    if (bw_frame_map(SLOT_PLAIN + FRAME, (uint64_t)page, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return false;
    *page = 4711;
    return start(&keeper, 0, "keeper", keep, 120) && start(&liar, 1, "liar", lie, 120);
}
