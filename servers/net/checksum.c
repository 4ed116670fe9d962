/* checksum.c: see checksum.h. Such a sum may be taken of wider words and folded afterwards (RFC 1071, 2), and it is what a large frame costs most here: so eight bytes at a time. */
#include "checksum.h"

#include <stdbool.h>
#include <stddef.h>

enum { WORD = 8 };
/* Words that may stand for bytes of any type. */
typedef uint64_t __attribute__((may_alias)) wide;
typedef uint16_t __attribute__((may_alias)) half;

static uint16_t fold(uint64_t sum) {
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)((sum & UINT16_MAX) + (sum >> 16));
}

/* What is carried out of a sum is added to it. */
static uint64_t plus(uint64_t sum, uint64_t word) { return sum + word + (sum + word < word); }

/* Four words at a time, in two sums that do not wait for each other. */
static uint64_t sum_words(const wide *words, size_t count) {
    uint64_t one = 0, other = 0;
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        one = plus(plus(one, words[i]), words[i + 1]);
        other = plus(plus(other, words[i + 2]), words[i + 3]);
    }
    for (; i < count; i++) one = plus(one, words[i]);
    return plus(one, other);
}

uint16_t net_sum(const void *data, int bytes) {
    const uint8_t *at = data;
    size_t left = bytes < 0 ? 0 : (size_t)bytes;
    uint64_t sum = 0;
    const bool odd = ((uintptr_t)at & 1) != 0 && left > 0;
    /* From an odd address all words are shifted by a byte, and so is their sum. */
    if (odd) sum = (uint64_t)*at++ << 8, left--;
    for (; left >= 2 && (uintptr_t)at % WORD != 0; at += 2, left -= 2) sum += *(const half *)at;
    const uint64_t most = sum_words((const wide *)at, left / WORD);
    sum += (most & UINT32_MAX) + (most >> 32);
    at += left / WORD * WORD, left %= WORD;
    for (; left >= 2; at += 2, left -= 2) sum += *(const half *)at;
    if (left > 0) sum += *at;
    const uint16_t folded = fold(sum);
    return odd ? (uint16_t)((folded & 0xff) << 8 | folded >> 8) : folded;
}
