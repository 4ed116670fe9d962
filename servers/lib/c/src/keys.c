/* keys.c: what keys write, on a US keyboard; see input.h. A row is the code of its first key, and what the keys write without Shift and with it. */
#include <bailiwick/input.h>
#include <bailiwick/string.h>

static const struct {
    uint32_t first;
    const char *plain;
    const char *shifted;
} rows[] = {
    {2, "1234567890-=", "!@#$%^&*()_+"}, {15, "\t", "\t"}, {16, "qwertyuiop[]\n", "QWERTYUIOP{}\n"}, {30, "asdfghjkl;'`", "ASDFGHJKL:\"~"}, {43, "\\zxcvbnm,./", "|ZXCVBNM<>?"}, {57, " ", " "},
};

char bw_key_character(uint32_t code, bool shift) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (code >= rows[i].first && code - rows[i].first < strlen(rows[i].plain)) return (shift ? rows[i].shifted : rows[i].plain)[code - rows[i].first];
    }
    return 0;
}
