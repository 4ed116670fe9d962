/* Says args.text, then each line of input that it gets. args.lines: how often it says the text; args.deaf: it reads nothing; args.dies: at its first line. */
#include <bailiwick.h>
#include <bailiwick/console.h>

BW_USE(console);

enum { SIGNAL = 200 };

int main(void) {
    bw_console_open(bw_use_console.cap);
    (void)bw_cnode_mint(BW_SLOT_CNODE, SIGNAL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1);
    bw_ipc()->caps[0] = SIGNAL;
    const struct bw_msg a = bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    if (bw_error(&a) != 0 || bw_label(&a) != 0) return 1;
    const char *text = bw_arg("text");
    for (uint64_t n = bw_arg_number("lines", 1); text != NULL && n > 0; n--) bw_write(text, strlen(text));
    bw_flush();
    static char line[128];
    size_t length = 0;
    for (;;) {
        (void)bw_wait(BW_SLOT_NOTIFICATION);
        for (;;) {
            if (bw_arg_number("deaf", 0) == 1) break;
            bw_ipc()->words[0] = 1;
            const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0);
            if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] == 0) break;
            const char c = *(const char *)&bw_ipc()->words[1];
            if (c != '\n' && length < sizeof line - 1) {
                line[length++] = c;
                continue;
            }
            line[length] = 0;
            if (bw_arg_number("dies", 0) == 1) __builtin_trap();
            bw_printf("%s heard %s\n", bw_name(), line);
            if (strcmp(line, "bye") == 0) return 0;
            length = 0;
        }
    }
}
