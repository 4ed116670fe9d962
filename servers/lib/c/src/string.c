/* string.c: functions on bytes. Compiled with -fno-tree-loop-distribute-patterns, or the compiler would make memcpy's loop a call of memcpy. */
#include <bailiwick/string.h>
#include <stdint.h>

#define WORD sizeof(uint64_t)
/* A word that may stand for bytes of any type. */
typedef uint64_t __attribute__((may_alias)) word;

static int aligned(const void *a, const void *b) { return (((uintptr_t)a | (uintptr_t)b) & (WORD - 1)) == 0; }

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (aligned(d, s)) {
        for (; count >= WORD; count -= WORD, d += WORD, s += WORD) *(word *)d = *(const word *)s;
    }
    for (; count > 0; count--) *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    uint8_t *d = to;
    const uint8_t *s = from;
    /* Downwards only when the regions overlap so that upwards would overwrite what is still to be read. */
    if ((uintptr_t)d - (uintptr_t)s >= count) return memcpy(to, from, count);
    while (count-- > 0) d[count] = s[count];
    return to;
}

void *memset(void *to, int value, size_t count) {
    uint8_t *d = to;
    const uint8_t byte = (uint8_t)value;
    for (; count > 0 && !aligned(d, d); count--) *d++ = byte;
    for (const uint64_t filled = byte * 0x0101010101010101U; count >= WORD; count -= WORD, d += WORD) *(word *)d = filled;
    for (; count > 0; count--) *d++ = byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t count) {
    const uint8_t *x = a;
    const uint8_t *y = b;
    for (; count > 0; count--, x++, y++) {
        if (*x != *y) return *x < *y ? -1 : 1;
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count] != '\0') count++;
    return count;
}

int strncmp(const char *a, const char *b, size_t count) {
    for (; count > 0; count--, a++, b++) {
        if (*a != *b) return (uint8_t)*a < (uint8_t)*b ? -1 : 1;
        if (*a == '\0') break;
    }
    return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }
