/* rates.c: see rates.h. */
#include "rates.h"

#define SECOND 1000000000ULL
#define AHEAD (SECOND / 8)

static uint64_t cost(const struct rate *rate, uint64_t count) { return (count * SECOND + rate->per_second - 1) / rate->per_second; }
static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

bool rate_allows(const struct rate *rate, uint64_t count, uint64_t most, uint64_t now) {
    return rate->per_second == 0 || later(rate->paid, now) + cost(rate, count) - now <= later(AHEAD, cost(rate, most));
}

void rate_take(struct rate *rate, uint64_t count, uint64_t now) {
    if (rate->per_second > 0) rate->paid = later(rate->paid, now) + cost(rate, count);
}
