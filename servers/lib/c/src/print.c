/* print.c: text to a console, by the line. */
#include <bailiwick.h>
#include <bailiwick/console.h>

#include "format.h"

/* A write is one word, the count, and as many bytes as fit after it; the protocol's limit is below that. */
#define WRITE_WORDS 1U
#define PIECE 944U
_Static_assert(PIECE <= (BW_MAX_WORDS - WRITE_WORDS) * sizeof(uint64_t), "a piece fits in a message");

static struct {
    bw_cptr console;
    size_t used;
    char text[PIECE];
} state;

void bw_console_open(bw_cptr console) {
    bw_flush();
    state.console = console;
}

/* Sends up to PIECE bytes and says how many were taken; 0 when the console is gone. */
static size_t send(const char *bytes, size_t count) {
    for (;;) {
        /* Filled anew each time: the answer overwrites the buffer's words. */
        uint64_t *words = bw_ipc()->words;
        words[0] = count;
        memcpy(&words[WRITE_WORDS], bytes, count);
        struct bw_msg m = bw_call_buffer(state.console, CONSOLE_WRITE, WRITE_WORDS + (uint32_t)((count + 7) / 8), 0);
        if (bw_error(&m) == 0 && bw_label(&m) == CONSOLE_E_FULL) {
            bw_yield();
            continue;
        }
        if (bw_error(&m) != 0 || bw_label(&m) != 0 || bw_length(&m) < 1) return 0;
        return m.w[0] < count ? (size_t)m.w[0] : count;
    }
}

void bw_flush(void) {
    for (size_t at = 0; at < state.used && state.console != 0;) {
        const size_t taken = send(&state.text[at], state.used - at);
        if (taken == 0) state.console = 0;
        at += taken;
    }
    state.used = 0;
}

void bw_putchar(char c) {
    state.text[state.used++] = c;
    if (state.used == PIECE || c == '\n') bw_flush();
}

void bw_write(const void *bytes, size_t count) {
    const char *text = bytes;
    for (size_t i = 0; i < count; i++) bw_putchar(text[i]);
}

void bw_puts(const char *text) {
    bw_write(text, strlen(text));
    bw_putchar('\n');
}

int bw_vprintf(const char *format, va_list arguments) { return bw_format(bw_putchar, format, arguments); }

int bw_printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int count = bw_vprintf(format, arguments);
    va_end(arguments);
    return count;
}

/* The line that is being made; what does not fit is cut. */
static struct {
    uint32_t used;
    char text[256];
} line;

static void into_line(char c) {
    if (line.used < sizeof line.text - 1) line.text[line.used++] = c;
}

static const char *make_line(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
static const char *make_line(const char *format, va_list arguments) {
    line.used = 0;
    (void)bw_format(into_line, format, arguments);
    line.text[line.used] = 0;
    return line.text;
}

const char *bw_formatted(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = make_line(format, arguments);
    va_end(arguments);
    return text;
}

void bw_logf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bw_log(make_line(format, arguments));
    va_end(arguments);
}
