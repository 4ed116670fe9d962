/*
 * wire.h: the network device as lwIP's one interface: a channel to its driver, and a window in which frames lie, half of it room for those that come.
 *
 * Invariants
 *   W1  The driver is believed nothing: an answer's number, result and length are checked; a frame is copied out of the window once, before anybody looks at it.
 *   W2  A room is the driver's from the request until its answer, and goes to nobody else meanwhile.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick.h>
#include <bailiwick/nic.h>

enum { WIRE_ROOMS = 64, WIRE_RING = 128, WIRE_PAGES = 2, WIRE_SLOTS = 2 + BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(WIRE_PAGES) };

struct wire_facts {
    uint8_t mac[6];
    uint32_t mtu;
    bool link;
};

/* Meets the driver and gives it room. slots: WIRE_SLOTS empty ones; address: a multiple of 2 MiB with 4 MiB free; bit: as in struct bw_channel_wish. NULL, or what is wrong. */
const char *wire_begin(bw_cptr driver, bw_cptr slots, uint64_t address, uint64_t bit, struct wire_facts *facts);
/* Makes lwIP's interface of it; lwIP is there already. */
bool wire_interface(const char *host_name, const struct wire_facts *facts);
/* Takes up to `most` of the driver's answers, and gives lwIP the frames among them. True: there may be more. */
bool wire_take(uint32_t most);
/* What was put into the ring is told; before anything is waited for. */
void wire_announce(void);
/* The driver has ended. */
bool wire_is_gone(void);
