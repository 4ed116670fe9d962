/* script.c: lines of args.do, as words. */
#include "script.h"

char *words[12];
uint32_t word_count;

static uint32_t digit_of(char c) { return c >= '0' && c <= '9' ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : 99; }

uint64_t number_of(const char *text) {
    const uint64_t base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
    uint64_t value = 0;
    for (const char *at = base == 16 ? text + 2 : text; digit_of(*at) < base; at++) value = value * base + digit_of(*at);
    return value;
}

static void split(char *line) {
    word_count = 0;
    for (char *at = line; *at != 0 && word_count < sizeof words / sizeof *words;) {
        words[word_count++] = at;
        while (*at != 0 && *at != ' ') at++;
        if (*at == ' ') *at++ = 0;
    }
}

void run_script(void (*carry_out)(void)) {
    static char line[200];
    char key[] = "do.0000";
    for (uint32_t i = 0; i < 1000; i++) {
        char *end = &key[3];
        for (uint32_t unit = i >= 100 ? 100 : i >= 10 ? 10 : 1; unit > 0; unit /= 10) *end++ = (char)('0' + i / unit % 10);
        *end = 0;
        const char *text = bw_arg(key);
        if (text == NULL) return;
        size_t used = 0;
        for (; text[used] != 0 && used < sizeof line - 1; used++) line[used] = text[used];
        line[used] = 0;
        split(line);
        bw_printf("%s: %s: ", bw_name(), text);
        carry_out();
    }
}
