/*
 * quota.h: what flows through a server, no faster than the manifest's quotas let each of its clients. The server asks when something may go, takes it into account when it goes, and keeps it back
 * until then; what it keeps back is its client's alone. One that is larger than an eighth of a second's worth goes when all that went before it is paid for.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/clock.h>
#include <bailiwick/rate.h>

#define BW_FLOWS_MOST 64U

/* A client of the manifest that has a quota. */
struct bw_flow {
    uint64_t badge;
    struct bw_rate count, bytes;
};

struct bw_flows {
    struct bw_flow flows[BW_FLOWS_MOST];
    uint32_t used;
    struct bw_clock *clock;
};

/* Those that the manifest gives a quota. The clock is the server's, which looks after its bell. False: there are more than BW_FLOWS_MOST. */
bool bw_flows_begin(struct bw_flows *flows, struct bw_clock *clock);
/* NULL: it has none. */
struct bw_flow *bw_flow_of(struct bw_flows *flows, uint64_t badge);
/* Whether one thing of so many bytes may go now; then it goes. False: not yet, and the bell will ring when it may. */
bool bw_flow_passes(struct bw_flows *flows, struct bw_flow *flow, uint64_t bytes);
