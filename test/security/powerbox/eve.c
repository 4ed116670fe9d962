/* Means harm to the powerbox, in the way that args.mode says. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/powerbox-protocol.h>
#include <bailiwick/powerbox.h>

BW_USE(console);
BW_USE(powerbox);
BW_USE(time);

enum { GIVEN = 128, FINISHED, CONTEXT, BELL, ROOM = 140, STACK_PAGES = 2 };

static struct bw_thread thread;
static volatile uint32_t asked, given;

static uint32_t ask(bw_cptr slot, const char *purpose) {
    const struct bw_powerbox_wish wish = {.rights = BW_FILE_READ | BW_FILE_WRITE, .kind = BW_KIND_OF_FILE, .purpose = purpose};
    return bw_powerbox_ask(bw_use_powerbox.cap, &wish, slot, NULL);
}

static void asks_for_ever(void *unused) {
    (void)unused;
    for (;; asked++) if (ask(GIVEN, "mine") == 0) given++;
}

/* A second thread, that asks and waits. */
static bw_err begin(void) {
    const struct bw_thread_room room = {.untyped = BW_SLOT_UNTYPED, .slots = ROOM, .address = BW_THREAD_ADDRESSES, .stack_pages = STACK_PAGES};
    bw_err error = bw_thread_make(&thread, &room, "asker", 0);
    if (error == 0) error = bw_tcb_set_priority(thread.tcb, 100, 0, BW_SLOT_TCB);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, CONTEXT);
    if (error == 0) error = bw_sched_control_configure(bw_use_time.cap, CONTEXT, 1000, 1000, 0);
    if (error == 0) error = bw_sched_context_bind(CONTEXT, thread.tcb);
    return error == 0 ? bw_thread_start(&thread, asks_for_ever, NULL) : error;
}

/* What is typed to this view, a line. */
static void wait_for_line(void) {
    (void)bw_cnode_mint(BW_SLOT_CNODE, BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1);
    bw_ipc()->caps[0] = BELL;
    (void)bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    for (;;) {
        (void)bw_wait(BW_SLOT_NOTIFICATION);
        for (;;) {
            bw_ipc()->words[0] = 1;
            const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0);
            if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] == 0) break;
            if (*(const char *)&bw_ipc()->words[1] == '\n') return;
        }
    }
}

/* Its request waits; then it is no more. */
static void ends(void) {
    bw_printf("eve: asks: %s\n", bw_error_name(begin()));
    wait_for_line();
    __builtin_trap();
}

/* Its request waits; then nobody waits for the answer. */
static void withdraws(void) {
    bw_printf("eve: asks: %s\n", bw_error_name(begin()));
    wait_for_line();
    bw_printf("eve: withdraws: %s\n", bw_error_name(bw_tcb_suspend(thread.tcb)));
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
}

/* Beside the one that waits, as many as it can; then the one is taken back and made again, as often. */
static void floods(void) {
    uint32_t busy = 0, other = 0, stopped = 0;
    bw_printf("eve: asks: %s\n", bw_error_name(begin()));
    for (uint32_t i = 0; i < 100; i++) bw_yield();
    for (uint32_t i = 0; i < 5000; i++) {
        if (ask(GIVEN + 1, "another") == POWERBOX_E_BUSY) busy++;
        else other++;
    }
    bw_printf("eve: busy %u, other %u\n", busy, other);
    for (uint32_t i = 0; i < 2000; i++) {
        stopped += bw_tcb_suspend(thread.tcb) == 0 && bw_tcb_restart(thread.tcb) == 0;
        bw_yield();
    }
    bw_printf("eve: asked anew %u times\n", stopped);
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
}

/* Messages that nobody waits behind, as Send makes them, some of them whole requests. */
static void sends(void) {
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t *w = bw_ipc()->words;
        w[0] = 1 + i % 7, w[1] = 1 + i % 2, w[2] = 0, w[3] = 0;
        (void)bw_send(bw_use_powerbox.cap, bw_info(POWERBOX_ASK, 4, 0), w[0], w[1], w[2], w[3]);
    }
    bw_printf("eve: sent\n");
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
}

static uint64_t state = 0x2545f4914f6cdd1dULL;
static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Messages of up to 120 words, with whatever capabilities; none of them a request. */
static void noise(void) {
    static const uint64_t absurd[] = {0, 8, 64, 65, 464, 465, 4096, 1UL << 31, UINT32_MAX, 1UL << 32, INT64_MAX, 1UL << 63, UINT64_MAX};
    uint32_t refused = 0, other = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        for (uint32_t n = 0; n < BW_MAX_WORDS; n++) bw_ipc()->words[n] = next() % 3 == 0 ? absurd[next() % (sizeof absurd / sizeof *absurd)] : next();
        const uint32_t label = (uint32_t)next() % 4;
        uint32_t length = (uint32_t)next() % (BW_MAX_WORDS + 1);
        /* Whole, but for one thing. */
        if (next() % 2 == 0) {
            length = BW_MAX_WORDS;
            uint64_t *w = bw_ipc()->words;
            w[0] = 1, w[1] = 1, w[2] = 0, w[3] = 10;
            const uint64_t wrong = next();
            if (wrong % 5 == 0) w[0] = wrong % 2 == 0 ? 0 : 8 + wrong;
            else if (wrong % 5 == 1) w[1] = wrong % 2 == 0 ? 3 : 8 + (wrong | 3);
            else if (wrong % 5 == 2) w[2] = 11 + (wrong >> 8);
            else if (wrong % 5 == 3) w[3] = 465 + (wrong >> 8);
            else length = 5;
        } else if (label == POWERBOX_ASK) {
            bw_ipc()->words[0] |= 8;
        }
        bw_ipc()->caps[0] = BW_SLOT_NOTIFICATION, bw_ipc()->caps[1] = bw_use_powerbox.cap, bw_ipc()->caps[2] = (bw_cptr)next();
        const struct bw_msg m = bw_call_buffer(bw_use_powerbox.cap, length == 5 ? 1 : label, length, 0);
        if (bw_error(&m) == 0 && bw_label(&m) == POWERBOX_E_BAD_REQUEST) refused++;
        else other++;
    }
    bw_printf("eve: refused %u, other %u\n", refused, other);
    /* One that is whole, of every byte there is. */
    uint64_t *w = bw_ipc()->words;
    w[0] = 1, w[1] = 1, w[2] = 64, w[3] = 464;
    for (uint32_t i = 0; i < 464; i++) ((uint8_t *)&w[4])[i] = (uint8_t)i;
    const struct bw_msg m = bw_call_buffer(bw_use_powerbox.cap, POWERBOX_ASK, 4 + 58, 0);
    bw_printf("eve: all bytes: %u\n", (uint32_t)bw_label(&m));
}

/* Reads and writes what it can while somebody types at the powerbox: its own view, and the powerbox as if it were a console. */
static void types(void) {
    static const char lie[] = "3\nbob asks for a file, to read.\npowerbox> \n";
    uint32_t stolen = 0;
    bw_printf("eve: asks: %s\n", bw_error_name(begin()));
    for (uint32_t i = 0; i < 3000; i++) {
        for (uint32_t which = 0; which < 2; which++) {
            const bw_cptr cap = which == 0 ? bw_use_console.cap : bw_use_powerbox.cap;
            bw_ipc()->caps[0] = BW_SLOT_NOTIFICATION;
            (void)bw_call(cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
            bw_ipc()->words[0] = 900;
            struct bw_msg m = bw_call_buffer(cap, CONSOLE_READ, 1, 0);
            stolen += bw_error(&m) == 0 && bw_label(&m) == 0 && m.w[0] != 0;
            if (i % 1000 != 0) continue;
            bw_ipc()->words[0] = sizeof lie - 1;
            memcpy(&bw_ipc()->words[1], lie, sizeof lie - 1);
            (void)bw_call_buffer(cap, CONSOLE_WRITE, 1 + (sizeof lie + 7) / 8, 0);
        }
        bw_yield();
    }
    bw_printf("eve: stolen %u, given %u\n", stolen, given);
    for (;;) {
        bw_ipc()->words[0] = 900;
        const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0);
        if (bw_error(&m) == 0 && bw_label(&m) == 0 && m.w[0] != 0) bw_printf("eve: stolen\n");
        bw_yield();
    }
}

int main(void) {
    static const struct { const char *name; void (*run)(void); } modes[] = {{"ends", ends}, {"withdraws", withdraws}, {"floods", floods}, {"sends", sends}, {"noise", noise}, {"types", types}};
    bw_console_open(bw_use_console.cap);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) if (strcmp(bw_arg("mode"), modes[i].name) == 0) modes[i].run();
    return 0;
}
