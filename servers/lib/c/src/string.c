/* string.c: functions on bytes. Compiled with -fno-tree-loop-distribute-patterns, or the compiler would make memcpy's loop a call of memcpy. */
#include <bailiwick/string.h>
#include <stdint.h>

#define WORD sizeof(uint64_t)
/* A word that may stand for bytes of any type. */
typedef uint64_t __attribute__((may_alias)) word;

static int aligned(const void *a, const void *b) { return (((uintptr_t)a | (uintptr_t)b) & (WORD - 1)) == 0; }

/* Whole words, `from` and `to` aligned: four at a time, for it is the loop that costs. Gives how many bytes that was. */
static size_t copy_words(word *to, const word *from, size_t count) {
    const size_t words = count / WORD;
    size_t i = 0;
    for (; i + 4 <= words; i += 4) {
        const word a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
        to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d;
    }
    for (; i < words; i++) to[i] = from[i];
    return words * WORD;
}

/* The same from where no word begins: two words of the source hold one of the destination's. Each that is read holds a byte that is wanted, so none lies on another page. */
static size_t copy_across(word *to, const uint8_t *from, size_t count) {
    const size_t words = count / WORD;
    const uint32_t right = (uint32_t)((uintptr_t)from % WORD) * 8, left = 64 - right;
    const word *source = (const word *)((uintptr_t)from & ~(uintptr_t)(WORD - 1));
    word low = *source++;
    size_t i = 0;
    for (; i + 2 <= words; i += 2, source += 2) {
        const word middle = source[0], high = source[1];
        to[i] = low >> right | middle << left, to[i + 1] = middle >> right | high << left;
        low = high;
    }
    if (i < words) to[i] = low >> right | *source << left;
    return words * WORD;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (count >= 2 * WORD) {
        for (; !aligned(d, d); count--) *d++ = *s++;
        const size_t done = aligned(s, s) ? copy_words((word *)d, (const word *)s, count) : copy_across((word *)d, s, count);
        d += done, s += done, count -= done;
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
