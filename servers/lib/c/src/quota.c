/* quota.c: see quota.h. */
#include <bailiwick.h>
#include <bailiwick/quota.h>

bool bw_flows_begin(struct bw_flows *flows, struct bw_clock *clock) {
    const uint32_t clients = bw_clients();
    *flows = (struct bw_flows){.clock = clock};
    for (uint64_t offer = 0; bw_offer((uint32_t)offer) != NULL; offer++) {
        for (uint64_t client = 1; client <= clients; client++) {
            const uint64_t badge = offer << 16 | client, count = bw_quota(badge, BW_QUOTA_PER_SECOND, 0), bytes = bw_quota(badge, BW_QUOTA_BYTES_PER_SECOND, 0);
            if (count == 0 && bytes == 0) continue;
            if (flows->used == BW_FLOWS_MOST) return false;
            flows->flows[flows->used++] = (struct bw_flow){.badge = badge, .count = {.per_second = count}, .bytes = {.per_second = bytes}};
        }
    }
    return true;
}

struct bw_flow *bw_flow_of(struct bw_flows *flows, uint64_t badge) {
    for (uint32_t i = 0; i < flows->used; i++) if (flows->flows[i].badge == badge) return &flows->flows[i];
    return NULL;
}

bool bw_flow_passes(struct bw_flows *flows, struct bw_flow *flow, uint64_t bytes) {
    const uint64_t now = bw_clock_now(flows->clock), first = bw_rate_due(&flow->count, 1, 1), second = bw_rate_due(&flow->bytes, bytes, bytes), due = first > second ? first : second;
    if (due > now) {
        bw_clock_wake(flows->clock, due);
        return false;
    }
    bw_rate_take(&flow->count, 1, now);
    bw_rate_take(&flow->bytes, bytes, now);
    return true;
}
