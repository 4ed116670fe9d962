/*
 * Does what args.do says, a line each, and says what came of it. Banks have names of one letter: b is the one of the manifest's. Blocks are kept in slots in
 * the order they were bought. Only one program has the machine's time to give: it is compiled with WITH_TIME.
 */
#include <bailiwick.h>
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>

BW_USE(console);
BW_USE(bank);
#ifdef WITH_TIME
BW_USE(time);
#define TIME (bw_cptr)bw_use_time.cap
#else
#define TIME (bw_cptr)0
#endif

enum { SLOT_BANKS = 130, SLOT_MADE = 160, SLOT_BLOCKS = 512, MOST_BLOCKS = 3000 };
#define PLACE (BW_ADDRESS_OWN + (8UL << 20))

static uint32_t blocks;
static uint64_t numbers[MOST_BLOCKS];
static char *words[8];
static uint32_t count;
static char line[200];

static const char *said(uint32_t result) {
    static const char *const names[] = {"done", "badRequest", "noCapability", "notAllowed", "limit", "noMemory", "full", "notFound", "gone"};
    return result == BW_BANK_GONE ? "no bank" : result == BW_BANK_NO_SLOT ? "no slot" : result < sizeof names / sizeof *names ? names[result] : "?";
}

static bw_cptr bank_of(const char *name) { return *name == 'b' ? (bw_cptr)bw_use_bank.cap : SLOT_BANKS + (bw_cptr)(*name - 'a'); }
/* #n: the number of the n-th block. */
static uint64_t number(uint32_t i) {
    uint64_t value = 0;
    if (i < count && *words[i] == '#') {
        words[i]++;
        value = numbers[number(i) % MOST_BLOCKS];
        words[i]--;
        return value;
    }
    for (const char *at = i < count ? words[i] : ""; *at >= '0' && *at <= '9'; at++) value = value * 10 + (uint64_t)(*at - '0');
    return value;
}
static uint32_t kind_of(bw_cptr slot) {
    uint32_t kind = 0, rights = 0;
    return bw_discrim_classify(BW_SLOT_DISCRIM, slot, &kind, &rights) == 0 ? kind : 99;
}
static bw_cptr fresh(bw_cptr slot) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    return slot;
}

static uint32_t buy(bw_cptr bank, uint32_t bits) {
    const uint32_t result = bw_bank_buy(bank, bits, fresh(SLOT_BLOCKS + blocks), &numbers[blocks]);
    if (result == 0) blocks++;
    return result;
}

static void show(const struct bw_bank_figures *f) { bw_printf("%lu/%lu reserve %lu peak %lu blocks %lu", f->used, f->limit, f->reserve, f->peak, f->blocks); }

static void do_list(bw_cptr bank) {
    struct bw_bank_figures figures;
    char name[BW_BANK_NAME_BYTES];
    uint32_t depth = 0;
    for (uint64_t place = 0; bw_bank_list(bank, place, &figures, &depth, name) == 0; place++) {
        bw_printf("%s%u:%s ", place == 0 ? "" : ", ", depth, name);
        show(&figures);
    }
    bw_puts("");
}

/* A block as memory: a frame, mapped; whether it was all zeros; then it is written to. */
static void do_frame(uint64_t of) {
    const bw_cptr block = SLOT_BLOCKS + (bw_cptr)of, frame = fresh(SLOT_MADE + (bw_cptr)of % 64);
    bw_err error = bw_untyped_retype(block, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, frame);
    uint64_t *at = (uint64_t *)(PLACE + of * BW_PAGE);
    if (error == 0) error = bw_frame_map(frame, (uint64_t)at, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == BW_ERR_FAILED_LOOKUP) {
        error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_PAGE_TABLE, 0, 1, BW_SLOT_CNODE, fresh(159));
        if (error == 0) error = bw_page_table_map(159, PLACE, BW_SLOT_VSPACE);
        if (error == 0) error = bw_frame_map(frame, (uint64_t)at, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    }
    bool zero = error == 0;
    for (uint32_t i = 0; error == 0 && i < BW_PAGE / 8; i++) {
        zero = zero && at[i] == 0;
        at[i] = 0x5ec2e7;
    }
    bw_printf("%s%s\n", error == 0 ? "mapped" : bw_error_name(error), error == 0 ? zero ? ", zero" : ", NOT zero" : "");
}

/* Whether that memory still is as do_frame left it. */
static void do_same(uint64_t of) {
    const uint64_t *at = (const uint64_t *)(PLACE + of * BW_PAGE);
    uint32_t others = 0;
    for (uint32_t i = 0; i < BW_PAGE / 8; i++) others += at[i] != 0x5ec2e7;
    bw_puts(others == 0 ? "the same" : "NOT the same");
}

/* A thread in bought memory that does not want to go: it takes copies of all it is made of, wherever there is room. */
static struct bw_thread thread;
static volatile uint64_t steps;
static void resist(void *unused) {
    (void)unused;
    for (;; steps++) {
        const bw_cptr slot = SLOT_BLOCKS + 1000 + steps % 500;
        (void)bw_cnode_copy(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, thread.tcb + steps % 5, BW_RIGHT_READ | BW_RIGHT_WRITE);
        (void)bw_untyped_retype(SLOT_BLOCKS, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, SLOT_BLOCKS + 1500 + steps % 500);
        if (steps % 100 == 0) bw_yield();
    }
}

/* One that frees the block that it and its time are made of. */
static volatile bool back;
static uint64_t own_number;
static void end_itself(void *unused) {
    (void)unused;
    for (steps = 0; steps < 100; steps++) bw_yield();
    (void)bw_bank_free((bw_cptr)bw_use_bank.cap, own_number);
    for (back = true;;) bw_yield();
}

static void do_thread(void (*does)(void *), uint32_t priority) {
    const struct bw_thread_room room = {.untyped = SLOT_BLOCKS, .slots = SLOT_MADE, .address = BW_THREAD_ADDRESSES, .stack_pages = 2};
    bw_err error = bw_thread_make(&thread, &room, "resists", 0);
    if (error == 0) error = bw_tcb_set_priority(thread.tcb, priority, priority, BW_SLOT_TCB);
    if (error == 0) error = bw_untyped_retype(SLOT_BLOCKS, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, SLOT_MADE + 40);
    if (error == 0) error = bw_sched_control_configure(TIME, SLOT_MADE + 40, 10000, 10000, 0);
    if (error == 0) error = bw_sched_context_bind(SLOT_MADE + 40, thread.tcb);
    if (error == 0) error = bw_thread_start(&thread, does, NULL);
    for (uint32_t i = 0; i < 300 && error == 0; i++) bw_yield();
    bw_printf("%s, %s\n", error == 0 ? "made" : bw_error_name(error), steps >= 100 ? "it ran" : "it did NOT run");
}

/* What is no name: `count` is said, `length` bytes of this value are sent. */
static uint32_t raw_make(bw_cptr bank, uint64_t said_count, uint64_t length, uint64_t byte) {
    uint64_t *w = bw_ipc()->words;
    w[0] = w[1] = w[2] = 0, w[3] = said_count;
    memset(&w[4], (int)byte, length);
    const struct bw_receive before = bw_receive_into(fresh(129), 1);
    const struct bw_msg m = bw_call_buffer(bank, BANK_MAKE, 4 + (uint32_t)((length + 7) / 8), 0);
    bw_receive_as(before);
    if (bw_error(&m) == 0 && bw_label(&m) == 0) (void)bw_bank_destroy(129);
    return bw_error(&m) != 0 ? BW_BANK_GONE : bw_label(&m);
}

/* A place in the table is used again and again; the capability of its first bank is in `first`. */
static void do_remake(bw_cptr bank, bw_cptr first, uint64_t times) {
    uint32_t wrong = bw_bank_make(bank, 0, 0, 0, "first", fresh(first)) != 0 || bw_bank_destroy(first) != 0, alive = 0;
    for (uint64_t i = 0; i < times; i++) {
        struct bw_bank_figures figures;
        wrong += bw_bank_make(bank, 0, 0, 0, "again", fresh(129)) != 0;
        alive += bw_bank_figures(first, &figures) != BANK_E_GONE;
        wrong += bw_bank_destroy(129) != 0;
    }
    bw_printf("%u wrong, alive again %u times\n", wrong, alive);
}

/* What is left of it. */
static void do_left(void) {
    uint32_t left = 0;
    for (bw_cptr slot = SLOT_MADE; slot < SLOT_BLOCKS + 2100; slot++) if (kind_of(slot) != BW_KIND_NULL && kind_of(slot) != 99) left++;
    const uint64_t before = steps;
    for (uint32_t i = 0; i < 20; i++) bw_yield();
    bw_printf("%u capabilities, %s\n", left, steps == before ? "it is stopped" : "it runs");
}

static bw_cptr suspect_of(const char *what) {
    return strcmp(what, "nothing") == 0 ? 129 : strcmp(what, "console") == 0 ? (bw_cptr)bw_use_console.cap : strcmp(what, "cnode") == 0 ? BW_SLOT_CNODE
         : strcmp(what, "endpoint") == 0 ? BW_SLOT_SERVICE : strcmp(what, "block") == 0 ? SLOT_BLOCKS : bank_of(what);
}

static void do_one(void) {
    const char *verb = words[0];
    const bw_cptr bank = count > 1 ? bank_of(words[1]) : 0;
    if (strcmp(verb, "buy") == 0) {
        const uint32_t result = buy(bank, (uint32_t)number(2));
        bw_puts(result != 0 ? said(result) : kind_of(SLOT_BLOCKS + blocks - 1) == BW_KIND_UNTYPED ? "done" : "NOT untyped");
    } else if (strcmp(verb, "free") == 0) {
        bw_puts(said(bw_bank_free(bank, number(2))));
    } else if (strcmp(verb, "make") == 0) {
        bw_puts(said(bw_bank_make(bank, number(3), number(4), number(5), words[2], fresh(bank_of(words[2])))));
    } else if (strcmp(verb, "restrict") == 0) {
        bw_puts(said(bw_bank_restrict(bank, (uint32_t)number(2), fresh(bank_of(words[3])))));
    } else if (strcmp(verb, "destroy") == 0) {
        bw_puts(said(bw_bank_destroy(bank)));
    } else if (strcmp(verb, "verify") == 0) {
        struct bw_bank_check check;
        const uint32_t result = bw_bank_verify(bank, suspect_of(words[2]), &check);
        bw_printf("%s, %s, rights %u%s\n", said(result), check.official ? "official" : "not official", check.rights, check.alone ? ", alone" : "");
    } else if (strcmp(verb, "figures") == 0) {
        struct bw_bank_figures figures = {0};
        const uint32_t result = bw_bank_figures(bank, &figures);
        if (result == 0) show(&figures);
        bw_puts(result == 0 ? "" : said(result));
    } else if (strcmp(verb, "list") == 0) {
        do_list(bank);
    } else if (strcmp(verb, "exhaust") == 0) {
        uint32_t result = 0, before = blocks;
        while (blocks < MOST_BLOCKS && result == 0) result = buy(bank, (uint32_t)number(2));
        bw_printf("%u blocks, then %s\n", blocks - before, said(result));
    } else if (strcmp(verb, "refuse") == 0) {
        uint32_t result = 0;
        for (uint64_t i = 0; i < number(3); i++) result = buy(bank, (uint32_t)number(2));
        bw_puts(said(result));
    } else if (strcmp(verb, "churn") == 0) {
        /* Bought and freed in another order, again and again. */
        uint32_t wrong = 0;
        for (uint32_t round = 0; round < number(2); round++) {
            blocks = 0;
            for (uint32_t i = 0; i < 40; i++) (void)buy(bank, 12 + (i * 7 + round) % 5);
            for (uint32_t i = 0; i < blocks; i++) wrong += bw_bank_free(bank, numbers[(i * 17 + round) % blocks]) != 0;
        }
        blocks = 0;
        bw_printf("%u refused\n", wrong);
    } else if (strcmp(verb, "frame") == 0) {
        do_frame(number(1));
    } else if (strcmp(verb, "kind") == 0) {
        bw_puts(kind_of(SLOT_BLOCKS + (bw_cptr)number(1)) == BW_KIND_NULL ? "nothing" : "something");
    } else if (strcmp(verb, "number") == 0) {
        bw_printf("%lu\n", number(1));
    } else if (strcmp(verb, "raw") == 0) {
        const struct bw_msg m = bw_call(bank, bw_info((uint32_t)number(2), (uint32_t)number(3), 0), number(4), number(5), number(6), number(7));
        bw_puts(bw_error(&m) != 0 ? bw_error_name(bw_error(&m)) : said(bw_label(&m)));
    } else if (strcmp(verb, "resist") == 0) {
        do_thread(resist, (uint32_t)number(1));
    } else if (strcmp(verb, "suicide") == 0) {
        own_number = numbers[0];
        do_thread(end_itself, (uint32_t)number(1));
        bw_printf("and then: %s\n", back ? "it is back" : "it is gone");
    } else if (strcmp(verb, "same") == 0) {
        do_same(number(1));
    } else if (strcmp(verb, "rawmake") == 0) {
        bw_puts(said(raw_make(bank, number(2), number(3), number(4))));
    } else if (strcmp(verb, "remake") == 0) {
        do_remake(bank, bank_of(words[2]), number(3));
    } else if (strcmp(verb, "send") == 0) {
        bw_puts(bw_error_name(bw_send(bank, bw_info((uint32_t)number(2), 1, 0), number(3), 0, 0, 0)));
    } else if (strcmp(verb, "piece") == 0) {
        /* One call of several. */
        const struct bw_msg m = bw_call(bank, bw_info(BANK_DESTROY, 0, 0), 0, 0, 0, 0);
        if (bw_error(&m) == 0 && bw_label(&m) == 0) bw_printf("left %lu\n", m.w[0]);
        else bw_puts(bw_error(&m) != 0 ? bw_error_name(bw_error(&m)) : said(bw_label(&m)));
    } else if (strcmp(verb, "chain") == 0) {
        /* Each under the one before it; the last one is in `words[2]`. */
        uint32_t result = 0;
        const bw_cptr last = fresh(bank_of(words[2]));
        for (uint64_t i = 0; i < number(3) && result == 0; i++) {
            result = bw_bank_make(i == 0 ? bank : 129, 0, 0, number(3) - 1 - i, "link", fresh(128));
            (void)bw_cnode_delete(BW_SLOT_CNODE, 129);
            if (result == 0) (void)bw_cnode_move(BW_SLOT_CNODE, 129, BW_SLOT_CNODE, 128);
        }
        (void)bw_cnode_move(BW_SLOT_CNODE, last, BW_SLOT_CNODE, 129);
        bw_puts(said(result));
    } else if (strcmp(verb, "full") == 0) {
        /* A slot that has something in it already. */
        (void)bw_cnode_copy(BW_SLOT_CNODE, fresh(129), BW_SLOT_CNODE, BW_SLOT_TCB, BW_RIGHT_READ);
        uint64_t got = 0;
        bw_printf("%s, ", said(bw_bank_buy(bank, 12, 129, &got)));
        bw_printf("%s, ", said(bw_bank_make(bank, 0, 0, 0, "lost", 129)));
        bw_puts(said(bw_bank_restrict(bank, 15, 129)));
    } else if (strcmp(verb, "left") == 0) {
        do_left();
    } else if (strcmp(verb, "stay") == 0) {
        bw_puts("stays");
        for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
    } else {
        bw_puts("what?");
    }
}

int main(void) {
    bw_console_open((bw_cptr)bw_use_console.cap);
    const char *text;
    for (uint32_t i = 0; (text = bw_arg_at("do", i)) != NULL; i++) {
        count = 0;
        size_t used = 0;
        for (; text[used] != 0 && used < sizeof line - 1; used++) line[used] = text[used];
        line[used] = 0;
        for (char *at = line; *at != 0 && count < 8;) {
            words[count++] = at;
            while (*at != 0 && *at != ' ') at++;
            if (*at == ' ') *at++ = 0;
        }
        bw_printf("%s: %s: ", bw_name(), text);
        do_one();
    }
    return 0;
}
