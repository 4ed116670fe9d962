/* string.c: functions on bytes. Compiled with -fno-tree-loop-distribute-patterns, or the compiler would make memcpy's loop a call of memcpy. */
#include <bailiwick/string.h>
#include <stdint.h>

#define WORD sizeof(uint64_t)
/* A word that may stand for bytes of any type. */
typedef uint64_t __attribute__((may_alias)) word;

static int aligned(const void *a, const void *b) { return (((uintptr_t)a | (uintptr_t)b) & (WORD - 1)) == 0; }

/* Whole words, `from` and `to` aligned: eight at a time, for it is the loop that costs an emulated processor. Gives how many bytes that was. */
static inline size_t copy_words(word *to, const word *from, size_t count) {
    const size_t words = count / WORD;
    size_t i = 0;
    for (; i + 8 <= words; i += 8) {
        const word a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3], e = from[i + 4], f = from[i + 5], g = from[i + 6], h = from[i + 7];
        to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d, to[i + 4] = e, to[i + 5] = f, to[i + 6] = g, to[i + 7] = h;
    }
    if ((words & 4) != 0) {
        const word a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
        to[i] = a, to[i + 1] = b, to[i + 2] = c, to[i + 3] = d;
        i += 4;
    }
    if ((words & 2) != 0) {
        const word a = from[i], b = from[i + 1];
        to[i] = a, to[i + 1] = b;
        i += 2;
    }
    if ((words & 1) != 0) to[i] = from[i];
    return words * WORD;
}

/* The same from where no word begins: two words of the source hold one of the destination's. Each that is read holds a byte that is wanted, so none lies on another page. */
static size_t copy_across(word *to, const uint8_t *from, size_t count) {
    const size_t words = count / WORD;
    const uint32_t right = (uint32_t)((uintptr_t)from % WORD) * 8, left = 64 - right;
    const word *source = (const word *)((uintptr_t)from & ~(uintptr_t)(WORD - 1));
    word low = *source++;
    size_t i = 0;
    for (; i + 4 <= words; i += 4, source += 4) {
        const word a = source[0], b = source[1], c = source[2], d = source[3];
        to[i] = low >> right | a << left, to[i + 1] = a >> right | b << left, to[i + 2] = b >> right | c << left, to[i + 3] = c >> right | d << left;
        low = d;
    }
    for (; i < words; i++) {
        const word next = *source++;
        to[i] = low >> right | next << left;
        low = next;
    }
    return words * WORD;
}

/* Fewer than two words, upwards, without a loop: which of these lines is the first is one jump. */
static inline __attribute__((always_inline)) void copy_few(uint8_t *to, const uint8_t *from, size_t count) {
    uint8_t *d = to + count;
    const uint8_t *s = from + count;
    switch (count) {
        case 15: d[-15] = s[-15]; __attribute__((fallthrough));
        case 14: d[-14] = s[-14]; __attribute__((fallthrough));
        case 13: d[-13] = s[-13]; __attribute__((fallthrough));
        case 12: d[-12] = s[-12]; __attribute__((fallthrough));
        case 11: d[-11] = s[-11]; __attribute__((fallthrough));
        case 10: d[-10] = s[-10]; __attribute__((fallthrough));
        case 9: d[-9] = s[-9]; __attribute__((fallthrough));
        case 8: d[-8] = s[-8]; __attribute__((fallthrough));
        case 7: d[-7] = s[-7]; __attribute__((fallthrough));
        case 6: d[-6] = s[-6]; __attribute__((fallthrough));
        case 5: d[-5] = s[-5]; __attribute__((fallthrough));
        case 4: d[-4] = s[-4]; __attribute__((fallthrough));
        case 3: d[-3] = s[-3]; __attribute__((fallthrough));
        case 2: d[-2] = s[-2]; __attribute__((fallthrough));
        case 1: d[-1] = s[-1]; __attribute__((fallthrough));
        default: return;
    }
}

/* Upwards: memmove counts on it. */
void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (count >= 2 * WORD) {
        const size_t before = -(uintptr_t)d % WORD;
        if (before > 0) copy_few(d, s, before);
        d += before, s += before, count -= before;
        const size_t done = aligned(s, s) ? copy_words((word *)d, (const word *)s, count) : copy_across((word *)d, s, count);
        d += done, s += done, count -= done;
    }
    if (count > 0) copy_few(d, s, count);
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
    const word filled = byte * 0x0101010101010101U;
    for (; count > 0 && !aligned(d, d); count--) *d++ = byte;
    for (; count >= 4 * WORD; count -= 4 * WORD, d += 4 * WORD) {
        word *w = (word *)d;
        w[0] = filled, w[1] = filled, w[2] = filled, w[3] = filled;
    }
    for (; count >= WORD; count -= WORD, d += WORD) *(word *)d = filled;
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
