/* attack.h: what the hostile clients of the victim begin with. */
#pragma once
#include <bailiwick.h>

BW_USE(victim);

enum { SLOTS = 128, CAPACITY = 16 };

static struct bw_channel channel;

static uint64_t chance_state = 88172645463325252UL;
static inline uint64_t chance(void) {
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    return chance_state ^= chance_state << 17;
}

static inline bool open_channel(void) {
    const struct bw_channel_wish wish = {.to_server = {CAPACITY, 8}, .from_server = {CAPACITY, 8}, .slots = SLOTS, .address = BW_ADDRESS_OWN, .bit = 1UL << 52};
    uint32_t refusal;
    const bw_err error = bw_channel_open(&channel, bw_use_victim.cap, &wish, &refusal);
    if (error != 0) bw_log(bw_error_name(error));
    return error == 0;
}

/* The victim's bell, and the ring to it. */
static inline void ring(void) { (void)bw_signal(channel.out.end.bells.theirs); }
static inline volatile struct bw_ring_memory *to_victim(void) { return channel.out.end.memory; }
static inline volatile struct bw_ring_memory *from_victim(void) { return channel.in.end.memory; }
