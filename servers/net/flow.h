/* flow.h: how fast a client's bytes may go, as the manifest's quotas say: what a socket sends and is given. What may not go yet waits, as what has no room does. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/quota.h>

/* False: there are quotas for too many clients. */
bool flow_begin(void);
/* Of whom the manifest gave this badge, or what this one was made from; NULL: it has no quota. */
struct bw_flow *flow_of(uint64_t badge);
/* So many bytes go now, of a client with this quota (NULL: it has none). False: later, and the client will be rung. */
bool flow_passes(struct bw_flow *flow, uint32_t client, uint32_t bytes);
/* The alarm has rung: who was told to wait may look again. */
void flow_goes_on(void);
