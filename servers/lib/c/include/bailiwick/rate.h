/*
 * rate.h: so much a second, and no more (GCRA, ITU-T I.371). What passes costs time, and the time that it has cost may be ahead of the clock by an eighth of a second, or by the most
 * that passes at once. So in any second there passes at most a second's and an eighth's worth. No part of it knows the kernel, so that it can be run on the host.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct bw_rate {
    /* 0: no limit. */
    uint64_t per_second;
    /* When all that has passed is paid for, in nanoseconds. */
    uint64_t paid;
};

/* When `count`, at most `most`, may pass, in nanoseconds; 0: at any time. */
uint64_t bw_rate_due(const struct bw_rate *rate, uint64_t count, uint64_t most);
/* Whether it may at `now`, which does not go back. */
bool bw_rate_allows(const struct bw_rate *rate, uint64_t count, uint64_t most, uint64_t now);
/* It has passed. */
void bw_rate_take(struct bw_rate *rate, uint64_t count, uint64_t now);
