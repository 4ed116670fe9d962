/* terminal.c: see terminal.h. The console gives bytes; what a person sees of them while typing is this program's affair. */
#include <bailiwick.h>
#include <bailiwick/console.h>

#include "terminal.h"

BW_USE(console);

enum { SLOT_BELL = 128, PIECE = 64, BACKSPACE = 8, DELETE = 0x7f };

static struct {
    char keys[PIECE];
    size_t count, next;
} input;

bool terminal_open(void) {
    bw_console_open(bw_use_console.cap);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1) != 0) return false;
    bw_ipc()->caps[0] = SLOT_BELL;
    const struct bw_msg m = bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

static char next_key(void) {
    while (input.next == input.count) {
        bw_ipc()->words[0] = PIECE;
        const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] > PIECE) bw_exit(1);
        input.next = 0;
        input.count = m.w[0];
        memcpy(input.keys, &bw_ipc()->words[1], input.count);
        if (input.count == 0) {
            bw_flush();
            (void)bw_wait(BW_SLOT_NOTIFICATION);
        }
    }
    return input.keys[input.next++];
}

const char *terminal_line(const char *prompt) {
    static char line[LINE_MOST + 1];
    size_t length = 0;
    bw_printf("%s", prompt);
    for (;;) {
        const char key = next_key();
        if (key == '\r' || key == '\n') break;
        if ((key == BACKSPACE || key == DELETE) && length > 0) {
            /* A character of several bytes is one column. */
            while (length > 0 && (line[--length] & 0xc0) == 0x80) continue;
            bw_write("\b \b", 3);
        } else if ((unsigned char)key >= ' ' && key != DELETE && length < LINE_MOST) {
            bw_putchar(line[length++] = key);
        }
    }
    line[length] = 0;
    bw_putchar('\n');
    return line;
}
