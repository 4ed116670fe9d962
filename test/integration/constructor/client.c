/* client.c: a builder and a client of constructors, as its script says. */
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

#include "protocol.h"
#include "script.h"

BW_USE(console);
BW_USE(bank);
BW_USE(constructor);
BW_USE(product);
BW_USE(needs);

static const char *said(uint32_t result) {
    static const char *const names[] = {"done", "badRequest", "noCapability", "notAllowed", "gone", "sealed", "full", "taken", "badImage", "badBank", "badSchedule", "badKeeper", "noMemory", "holes", "shared", "notFound"};
    return result == BW_CONSTRUCTOR_GONE ? "no constructor" : result < sizeof names / sizeof *names ? names[result] : "?";
}

static const char *const kinds[] = {"nothing", "Untyped", "CNode", "TCB", "Endpoint", "Notification", "Reply", "SchedContext", "VSpace", "PageTable", "Frame"};
static const char *kind_name(uint64_t kind) { return kind == BW_KIND_DISCRIM ? "Discrim" : kind < sizeof kinds / sizeof *kinds ? kinds[kind] : "?"; }

/* create A bits stack [product|needs|nothing] */
static void do_create(void) {
    const bool needs = is(text_of(4), "needs"), nothing = is(text_of(4), "nothing");
    const uint8_t *elf = (const uint8_t *)(needs ? bw_use_needs.address : bw_use_product.address);
    const size_t bytes = needs ? bw_use_needs.bytes : nothing ? 10 : bw_use_product.bytes;
    const struct bw_product_size size = {.bits = (uint32_t)number_of(text_of(2)), .stack_pages = (uint32_t)number_of(text_of(3))};
    bw_puts(said(bw_constructor_create(bw_use_constructor.cap, "p", elf, bytes, size, fresh(SLOT_BUILDERS, words[1]))));
}

static struct bw_msg write_to(bw_cptr builder, uint64_t at, const void *bytes, uint64_t count) {
    uint64_t *w = bw_ipc()->words;
    w[0] = at, w[1] = count;
    memcpy(&w[2], bytes, count);
    return bw_call_buffer(builder, CONSTRUCTOR_WRITE, 2 + (uint32_t)((count + 7) / 8), 0);
}

/* poke A at size value: bytes of the file. restore A at size: as they were. */
static void do_poke(bool restore) {
    const uint64_t at = number_of(text_of(2)), value = number_of(text_of(4));
    const struct bw_msg m = write_to(slot_of(SLOT_BUILDERS, words[1]), at, restore ? (const void *)(bw_use_product.address + at) : &value, number_of(text_of(3)));
    bw_puts(said(bw_error(&m) != 0 ? BW_CONSTRUCTOR_GONE : bw_label(&m)));
}

static void do_install(void) {
    bool hole = false;
    const uint32_t result = bw_constructor_install(slot_of(SLOT_BUILDERS, words[1]), words[2], cap_of(text_of(3)), &hole);
    bw_puts(result != 0 ? said(result) : hole ? "a hole" : "no hole");
}

static void do_seal(void) {
    char why[160];
    const uint32_t result = bw_constructor_seal(slot_of(SLOT_BUILDERS, words[1]), fresh(SLOT_REQUESTORS, words[1]), why, sizeof why);
    bw_puts(result == CONSTRUCTOR_E_BAD_IMAGE ? why : said(result));
}

static void do_discreet(void) {
    const struct bw_msg m = bw_call(cap_of(text_of(1)), bw_info(CONSTRUCTOR_IS_DISCREET, 0, 0), 0, 0, 0, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0) bw_puts(said(bw_error(&m) != 0 ? BW_CONSTRUCTOR_GONE : bw_label(&m)));
    else bw_printf("%s, %lu holes\n", m.w[0] == 1 ? "discreet" : "not discreet", m.w[1]);
}

static void do_holes(void) {
    struct bw_hole hole;
    uint64_t place = 0;
    for (; bw_constructor_hole(cap_of(text_of(1)), place, &hole) == 0; place++) bw_printf("%s%s %s", place == 0 ? "" : ", ", hole.path, kind_name(hole.kind));
    bw_puts(place == 0 ? "none" : "");
}

static void do_verify(void) {
    struct bw_requestor_check check;
    const uint32_t result = bw_constructor_verify(bw_use_constructor.cap, cap_of(text_of(1)), &check);
    if (result != 0) bw_puts(said(result));
    else bw_printf("%s%s, %lu holes\n", check.genuine ? "genuine" : "NOT genuine", check.discreet ? ", discreet" : "", check.holes);
}

/* yield requestor:A p strict bank schedule keeper */
static void do_yield(void) {
    const struct bw_yield yield = {.strict = number_of(text_of(3)) == 1, .bank = cap_of(text_of(4)), .schedule = cap_of(text_of(5)), .keeper = cap_of(text_of(6))};
    uint64_t number = 0;
    bw_puts(said(bw_constructor_yield(cap_of(text_of(1)), &yield, fresh(SLOT_PRODUCTS, words[2]), &number)));
}

/* ask p label w0 w1 w2 [capability] */
static void do_ask(void) {
    const uint64_t w0 = number_of(text_of(3)), w1 = number_of(text_of(4)), w2 = number_of(text_of(5));
    if (word_count > 6) bw_ipc()->caps[0] = cap_of(words[6]);
    const struct bw_msg m = bw_call(slot_of(SLOT_PRODUCTS, words[1]), bw_info((uint32_t)number_of(text_of(2)), 3, word_count > 6), w0, w1, w2, 0);
    if (bw_error(&m) != 0) bw_puts(bw_error_name(bw_error(&m)));
    else if (bw_label(&m) != 0) bw_printf("refusal %u\n", bw_label(&m));
    else bw_printf("%lu %lu %lu\n", bw_length(&m) > 0 ? m.w[0] : 0, bw_length(&m) > 1 ? m.w[1] : 0, bw_length(&m) > 2 ? m.w[2] : 0);
}

/* raw what label words capabilities capability: a request in a shape that the protocol may not have. */
static void do_raw(void) {
    for (uint32_t i = 0; i < BW_MAX_CAPS; i++) bw_ipc()->caps[i] = cap_of(text_of(5));
    for (uint32_t i = 0; i < BW_MAX_WORDS; i++) bw_ipc()->words[i] = UINT64_MAX - i;
    const struct bw_msg m = bw_call_buffer(cap_of(text_of(1)), (uint32_t)number_of(text_of(2)), (uint32_t)number_of(text_of(3)), (uint32_t)number_of(text_of(4)));
    bw_puts(said(bw_error(&m) != 0 ? BW_CONSTRUCTOR_GONE : bw_label(&m)));
}

/* Constructors of ten bytes until there is no room for one more. */
static void do_many(void) {
    static const uint8_t bytes[10];
    const struct bw_product_size size = {.bits = 16, .stack_pages = 1};
    uint32_t count = 0, result = 0;
    while ((result = bw_constructor_create(bw_use_constructor.cap, "many", bytes, sizeof bytes, size, 600 + count)) == 0) count++;
    bw_printf("%u, then %s\n", count, said(result));
}

static void do_figures(void) {
    struct bw_bank_figures f = {0};
    const uint32_t result = bw_bank_figures(cap_of(text_of(1)), &f);
    if (result == 0) bw_printf("%lu in %lu\n", f.used, f.blocks);
    else bw_puts(result == BW_BANK_GONE ? "no bank" : "gone");
}

static void carry_out(void) {
    const char *verb = words[0];
    if (is(verb, "create")) do_create();
    else if (is(verb, "poke")) do_poke(false);
    else if (is(verb, "restore")) do_poke(true);
    else if (is(verb, "install")) do_install();
    else if (is(verb, "seal")) do_seal();
    else if (is(verb, "discreet")) do_discreet();
    else if (is(verb, "holes")) do_holes();
    else if (is(verb, "verify")) do_verify();
    else if (is(verb, "destroy")) bw_puts(said(bw_constructor_destroy(cap_of(text_of(1)))));
    else if (is(verb, "yield")) do_yield();
    else if (is(verb, "ask")) do_ask();
    else if (is(verb, "raw")) do_raw();
    else if (is(verb, "many")) do_many();
    else if (is(verb, "figures")) do_figures();
    /* bank a limit reserve */
    else if (is(verb, "bank")) bw_puts(bw_bank_make(bw_use_bank.cap, number_of(text_of(2)), number_of(text_of(3)), 2, words[1], fresh(SLOT_BANKS, words[1])) == 0 ? "done" : "refused");
    else if (is(verb, "free")) bw_puts(bw_bank_destroy(cap_of(text_of(1))) == 0 ? "done" : "refused");
    else if (is(verb, "delete")) bw_puts(bw_error_name(bw_cnode_delete(BW_SLOT_CNODE, cap_of(text_of(1)))));
    else if (is(verb, "revoke")) bw_puts(bw_error_name(bw_cnode_revoke(BW_SLOT_CNODE, cap_of(text_of(1)))));
    /* Whether what was made of the block is gone, so that its owner can make something of it again. */
    else if (is(verb, "retype")) bw_puts(bw_error_name(bw_untyped_retype(cap_of(text_of(1)), BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, fresh(SLOT_SCHEDULES, "z"))));
    else if (is(verb, "guard")) guard(cap_of(text_of(1))), bw_puts("done");
    else if (is(verb, "fault")) bw_puts(bw_fault_name(take_fault()));
    else if (is(verb, "fakes")) bw_printf("%lu\n", fake_calls());
    else if (is(verb, "hang")) bw_puts(hang_at(cap_of(text_of(1)), PRODUCT_SPIN) ? "done" : "cannot");
    else if (is(verb, "hung")) bw_puts(hung() == UINT32_MAX ? "it waits" : bw_error_name(hung()));
    /* Until who hangs is told. */
    else if (is(verb, "await")) { while (hung() == UINT32_MAX) bw_yield(); bw_puts(hung() == 0 ? "an answer" : "told"); }
    else if (is(verb, "wait")) { for (uint64_t i = 0; i < number_of(text_of(1)); i++) bw_yield(); bw_puts("done"); }
    else if (is(verb, "stay")) { bw_puts("stays"); for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION); }
    else bw_puts("what?");
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    if (!make_things()) {
        bw_puts("it cannot make what it needs");
        return 1;
    }
    run_script(carry_out);
    return 0;
}
