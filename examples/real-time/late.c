/* late.c: see late.h. Bucket i holds the i-th number up to 2 * LATE_PARTS; from there on each doubling is LATE_PARTS buckets. */
#include "late.h"

void late_clear(struct late *late) { *late = (struct late){.least = UINT64_MAX}; }

static uint32_t bucket_of(uint64_t ns) {
    uint32_t shift = 0;
    while (ns >> shift >= 2 * LATE_PARTS) shift++;
    const uint64_t bucket = shift * LATE_PARTS + (ns >> shift);
    return bucket < LATE_BUCKETS ? (uint32_t)bucket : LATE_BUCKETS - 1;
}

static uint64_t end_of(uint32_t bucket) {
    if (bucket < 2 * LATE_PARTS) return bucket;
    const uint32_t shift = bucket / LATE_PARTS - 1;
    return ((uint64_t)(bucket - shift * LATE_PARTS + 1) << shift) - 1;
}

void late_add(struct late *late, uint64_t ns) {
    late->count++;
    late->buckets[bucket_of(ns)]++;
    if (ns < late->least) late->least = ns;
    if (ns > late->most) late->most = ns;
}

uint64_t late_quantile(const struct late *late, uint32_t of) {
    const uint64_t wanted = (late->count * of + 999) / 1000;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < LATE_BUCKETS; i++) {
        seen += late->buckets[i];
        if (seen >= wanted && seen > 0) return i < LATE_BUCKETS - 1 && end_of(i) < late->most ? end_of(i) : late->most;
    }
    return late->count == 0 ? 0 : late->most;
}
