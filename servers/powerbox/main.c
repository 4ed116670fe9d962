/*
 * The powerbox: programs ask, the operator chooses, and the choice is the grant. Protocol: protocol.ts; limits and behaviour: README.md. It has a directory, a view of
 * the console, and no right over any program; the invariants P1 to P5 are in the headers, each where it is kept.
 *
 * This file: requests come in, keys become lines.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/powerbox-protocol.h>

#include "dialog.h"
#include "requests.h"
#include "slots.h"

BW_USE(console);

#define KEYS_BIT (1ULL << 40)
/* A name of 255 bytes, and a sign before it. */
enum { LINE_MOST = 256, PIECE = 64, BACKSPACE = 8, CLEAR = 0x15, DELETE = 0x7f };

static char typed[LINE_MOST + 1];
static size_t length;
/* More was typed than there is room for. */
static bool too_long;

static void prompt(void) {
    dialog_prompt();
    bw_printf("%s", typed);
    bw_flush();
}

/* What the console has for the powerbox, after the answer's first word. UINT64_MAX: there is no console. */
static uint64_t read_keys(uint64_t most) {
    bw_ipc()->words[0] = most;
    const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0 && m.w[0] <= most ? m.w[0] : UINT64_MAX;
}

static uint32_t do_ask(struct bw_request *r) {
    uint32_t label = request_check(r);
    if (label != 0) return label;
    /* Without it nobody can answer. */
    if (read_keys(0) != 0) return POWERBOX_E_GONE;
    label = request_keep(r);
    if (label == BW_LATER && dialog_tell()) prompt();
    return label;
}

/* A character of several bytes is one column. */
static void rub_out(void) {
    if (length == 0) return;
    while (length > 0 && (typed[--length] & 0xc0) == 0x80) continue;
    typed[length] = 0;
    too_long = false;
    bw_write("\b \b", 3);
}

static void enter(void) {
    static char line[LINE_MOST + 1];
    const bool cut = too_long;
    memcpy(line, typed, length + 1);
    length = 0;
    typed[0] = 0;
    too_long = false;
    bw_putchar('\n');
    dialog_line(line, cut);
    prompt();
}

static void key(char c) {
    if (c == '\r' || c == '\n') enter();
    else if (c == BACKSPACE || c == DELETE) rub_out();
    else if (c == CLEAR) while (length > 0) rub_out();
    else if ((uint8_t)c < ' ') return;
    else if (length == LINE_MOST) too_long = true;
    else {
        typed[length++] = c;
        typed[length] = 0;
        bw_putchar(c);
    }
}

/* True: there may be more. */
static bool turn(void) {
    static char keys[PIECE];
    const uint64_t count = read_keys(PIECE);
    if (count == 0 || count > PIECE) return false;
    memcpy(keys, &bw_ipc()->words[1], count);
    for (size_t i = 0; i < count; i++) key(keys[i]);
    bw_flush();
    return true;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    bool ready = requests_begin() && bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, KEYS_BIT) == 0;
    if (ready) {
        bw_ipc()->caps[0] = SLOT_BELL;
        const struct bw_msg m = bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
        ready = bw_error(&m) == 0 && bw_label(&m) == 0;
    }
    if (!ready) {
        bw_log("there is no console to ask the operator at, or no memory for those who wait: see the manifest");
        return 1;
    }
    bw_puts("This is the powerbox: what a program gets here is yours to say. ? says how.");
    prompt();
    static const struct bw_method methods[] = {{.label = POWERBOX_ASK, .words = 4, .handle = do_ask}};
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = POWERBOX_E_BAD_REQUEST, .turn = turn};
    bw_serve(&service);
}
