/* The console of a guest that says whatever comes: lines that begin with "fuzz: @" go on, all else is counted and dropped. */
#include <bailiwick.h>
#include <bailiwick/console.h>

BW_USE(console);

static uint32_t do_write(struct bw_request *r) {
    static const char wanted[] = "fuzz: @";
    static char line[80];
    static uint32_t used;
    const uint8_t *bytes = bw_request_bytes(r, 1, r->w[0]);
    if (bytes == NULL) return CONSOLE_E_BAD_REQUEST;
    for (uint64_t i = 0; i < r->w[0]; i++) {
        if (used < sizeof line - 1) line[used++] = (char)bytes[i];
        if (bytes[i] != '\n') continue;
        line[used - 1] = '\n';
        line[used] = '\0';
        if (used >= sizeof wanted && memcmp(line, wanted, sizeof wanted - 1) == 0) bw_puts(line);
        used = 0;
    }
    r->answer_length = 1;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {{.label = CONSOLE_WRITE, .words = 1, .handle = do_write}};
    bw_console_open(bw_use_console.cap);
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = CONSOLE_E_BAD_REQUEST};
    bw_serve(&service);
}
