/* chat.c: see chat.h. */
#include <bailiwick/console.h>

#include "chat.h"

BW_USE(console);

enum { SLOT_BELL = 128, PIECE = 8, LINE_MOST = CHAT_TEXT, END_OF_INPUT = 4, BACKSPACE = 8, DELETE = 0x7f };

static char typed[LINE_MOST + 1];
static size_t length;

static const char *peer(void) { return bw_arg("peer"); }

static void prompt(void) {
    bw_printf("> %s", typed);
    bw_flush();
}

bool chat_begin(void) {
    bw_console_open(bw_use_console.cap);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, CHAT_KEYS) != 0) return false;
    bw_ipc()->caps[0] = SLOT_BELL;
    const struct bw_msg m = bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0) return false;
    bw_printf("You are %s; what you type goes to %s. /holds says what this program has, /quit ends it.\n", bw_name(), peer());
    prompt();
    return true;
}

/* Everything in this program's CSpace: the kernel is asked, not the program. */
static void holds(void) {
    static const char *const names[] = {
        [BW_KIND_UNTYPED] = "memory to spend", [BW_KIND_CNODE] = "its own slots", [BW_KIND_TCB] = "its own thread", [BW_KIND_ENDPOINT] = "endpoint", [BW_KIND_NOTIFICATION] = "notification",
        [BW_KIND_REPLY] = "reply", [BW_KIND_SCHED_CONTEXT] = "its own time", [BW_KIND_VSPACE] = "its own addresses", [BW_KIND_PAGE_TABLE] = "page table", [BW_KIND_FRAME] = "memory page",
        [BW_KIND_DISCRIM] = "the question what a capability is",
    };
    static const struct { bw_cptr slot; const char *what; } known[] = {
        {BW_SLOT_SERVICE, "its own endpoint, to be called at"}, {BW_SLOT_NOTIFICATION, "its own notification"}, {BW_SLOT_PARENT, "the root server, to say that it ends"}, {SLOT_BELL, "its own notification, for the console"},
    };
    for (bw_cptr slot = 1; slot < 256; slot++) {
        uint32_t kind = 0, rights = 0;
        if (bw_discrim_classify(BW_SLOT_DISCRIM, slot, &kind, &rights) != 0 || kind == BW_KIND_NULL) continue;
        const char *what = kind < sizeof names / sizeof *names && names[kind] != NULL ? names[kind] : "something else";
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) if (known[i].slot == slot) what = known[i].what;
        bw_printf("%lu: %s%s\n", slot, slot == bw_use_console.cap ? "the console, its own view: " : slot >= 16 && slot < 128 ? "the other's line: " : "", what);
    }
}

static void say(struct bw_sender *out) {
    struct chat_message message = {.count = (uint32_t)length};
    memcpy(message.text, typed, length);
    const bw_ring_result result = out == NULL ? BW_RING_GONE : bw_try_send(out, &message);
    if (result != BW_RING_DONE) bw_printf("(%s does not hear you: %s)\n", peer(), bw_ring_name(result));
}

/* What was shown before a key is taken back over, without a terminal's help: a character of several bytes is one column. */
static void rub_out(void) {
    if (length == 0) return;
    while (length > 0 && (typed[--length] & 0xc0) == 0x80) continue;
    typed[length] = 0;
    bw_write("\b \b", 3);
}

static void enter(struct bw_sender *out) {
    bw_putchar('\n');
    if (strcmp(typed, "/quit") == 0) bw_exit(0);
    if (strcmp(typed, "/holds") == 0) holds();
    else if (length > 0) say(out);
    length = 0;
    typed[0] = 0;
    prompt();
}

static void key(struct bw_sender *out, char c) {
    if (c == '\r' || c == '\n') enter(out);
    else if (c == BACKSPACE || c == DELETE) rub_out();
    else if (c == END_OF_INPUT && length == 0) bw_exit(0);
    else if (((unsigned char)c >= ' ') && length < LINE_MOST) {
        typed[length++] = c;
        typed[length] = 0;
        bw_putchar(c);
    }
}

/* True: there is more. */
static bool read_keys(struct bw_sender *out) {
    static char keys[64];
    bw_ipc()->words[0] = sizeof keys;
    const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] == 0 || m.w[0] > sizeof keys) return false;
    const size_t count = m.w[0];
    memcpy(keys, &bw_ipc()->words[1], count);
    for (size_t i = 0; i < count; i++) key(out, keys[i]);
    bw_flush();
    return true;
}

/* Above the line that is being typed. */
static void show(struct chat_message *message) {
    const size_t count = message->count < CHAT_TEXT ? message->count : CHAT_TEXT;
    bw_printf("\r%s: ", peer());
    for (size_t i = 0; i < count; i++) bw_putchar((unsigned char)message->text[i] >= ' ' ? message->text[i] : '?');
    for (size_t shown = count + strlen(peer()); shown < length; shown++) bw_putchar(' ');
    bw_putchar('\n');
    prompt();
}

bool chat_turn(struct bw_sender *out, struct bw_receiver *in) {
    static struct chat_message message;
    const bool more = read_keys(out);
    if (in == NULL) return more;
    for (uint32_t n = 0; n < PIECE; n++) {
        if (bw_try_receive(in, &message) != BW_RING_DONE) return !bw_receiver_sleeps(in) || more;
        show(&message);
    }
    return true;
}
