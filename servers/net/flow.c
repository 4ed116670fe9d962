/* flow.c: see flow.h. */
#include "flow.h"

#include "clock.h"
#include "table.h"

static struct bw_flows flows;

bool flow_begin(void) { return bw_flows_begin(&flows, &the_clock); }
struct bw_flow *flow_of(uint64_t badge) { return flows.used == 0 ? NULL : bw_flow_of(&flows, origin_of(badge)); }

bool flow_passes(struct bw_flow *flow, uint32_t client, uint32_t bytes) {
    if (flow == NULL || bytes == 0 || bw_flow_passes(&flows, flow, bytes)) return true;
    clients[client].held = true;
    return false;
}

void flow_goes_on(void) {
    for (uint32_t i = 0; i < LIMIT_CLIENTS; i++) {
        clients[i].ring = clients[i].ring || clients[i].held;
        clients[i].held = false;
    }
}
