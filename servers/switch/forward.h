/*
 * forward.h: where a frame goes. Places are ports, 0..PORTS - 1, and uplinks behind them.
 *
 * Invariants
 *   S1  A frame never goes back to where it came from, nor from one uplink to the other.
 *   S2  A port whose client may not use any address gets what is sent to its own address or to a group, and nothing else, whatever is known or not.
 *   S3  A port's own address is behind that port alone, also for uplinks; any other, as stations.h says.
 *   S4  An isolated port and another port exchange nothing.
 *   S5  Who cannot take a frame loses it, alone.
 */
#pragma once
#include <stdint.h>

#include "views.h"

struct counts {
    uint64_t frames, bytes;
    /* Frames by what became of them; PASS among them. */
    uint64_t verdicts[VERDICTS];
};

/* A place's, by direction: what came from there, what went there. */
extern struct counts counts[PLACES][DIRECTIONS];

void forward_begin(uint32_t ports, uint32_t uplinks);
/* A frame that came from `place`, in memory that nobody else changes. */
void forward(uint32_t place, const uint8_t *frame, uint32_t bytes);
