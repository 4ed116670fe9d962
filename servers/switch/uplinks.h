/*
 * uplinks.h: the cards, or ports of other switches, that the switch is a client of: `uplink` and `uplink2` of its uses. What a driver says is checked by its client library; one that ends,
 * or takes its channel's memory away, is an uplink less.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick.h>
#include <bailiwick/nic.h>

enum { UPLINKS_SLOTS = 2 * BW_NIC_SLOTS };
#define UPLINKS_BYTES (2ULL * 2 * BW_NIC_WINDOW)

/* Opens those that the manifest wires: UPLINKS_SLOTS empty slots, UPLINKS_BYTES of addresses, bits first_bit and the next. NULL, or what is wrong; after bw_lent_begin. */
const char *uplinks_begin(bw_cptr slots, uint64_t address, uint64_t first_bit);
uint32_t uplinks(void);
uint64_t uplink_mac(uint32_t uplink);
/* Bytes of an IP packet that all of them take; links: one of them is up, or there is none. */
uint32_t uplinks_mtu(void);
bool uplinks_up(void);
bool uplink_is_there(uint32_t uplink);

/* As on a wire: false when there is no place, and it is lost. */
bool uplink_send(uint32_t uplink, const uint8_t *frame, uint32_t bytes);
/* Forwards what came, a bounded number of frames. True: there may be more. */
bool uplink_turn(uint32_t uplink);
/* Tells the driver what was sent, and that the switch sleeps. False: there is something already, so another turn is due. */
bool uplink_sleeps(uint32_t uplink);
