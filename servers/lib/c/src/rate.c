/* rate.c: see rate.h. */
#include <bailiwick/rate.h>

#define SECOND 1000000000ULL
#define AHEAD (SECOND / 8)

static uint64_t cost(const struct bw_rate *rate, uint64_t count) { return (count * SECOND + rate->per_second - 1) / rate->per_second; }
static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

uint64_t bw_rate_due(const struct bw_rate *rate, uint64_t count, uint64_t most) {
    if (rate->per_second == 0) return 0;
    const uint64_t after = rate->paid + cost(rate, count), ahead = later(AHEAD, cost(rate, most));
    return after > ahead ? after - ahead : 0;
}

bool bw_rate_allows(const struct bw_rate *rate, uint64_t count, uint64_t most, uint64_t now) { return bw_rate_due(rate, count, most) <= now; }

void bw_rate_take(struct bw_rate *rate, uint64_t count, uint64_t now) {
    if (rate->per_second > 0) rate->paid = later(rate->paid, now) + cost(rate, count);
}
