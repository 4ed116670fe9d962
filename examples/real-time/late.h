/* late.h: how late, over many wakes: a histogram of nanoseconds that is exact up to 64 and within a thirty-second above, so that it has the same size whatever is counted. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { LATE_PARTS = 32, LATE_BUCKETS = 36 * LATE_PARTS };

struct late {
    uint64_t count, least, most;
    uint32_t buckets[LATE_BUCKETS];
};

void late_clear(struct late *late);
/* From 2^40 ns, 18 minutes, on all are one bucket, whose upper end is `most`. */
void late_add(struct late *late, uint64_t ns);
/* So late, or less, were `of` of 1000 wakes: the upper end of their bucket, `most` at most. 0 when there were none. */
uint64_t late_quantile(const struct late *late, uint32_t of);
