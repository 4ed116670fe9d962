/* switch.h: a client of the switch: less of a port, and what goes through it. A port itself is used as a card is, nic.h. Results: 0, a refusal of the protocol, or BW_SWITCH_GONE. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/switch-protocol.h>
#include <bailiwick/switchport.h>
#include <bailiwick/syscall.h>

/* The kernel could not deliver it. */
#define BW_SWITCH_GONE UINT32_MAX
enum { BW_SWITCH_REASONS = 11, BW_SWITCH_NAME = 63 };

/* A capability to the same port under these rules too, one a line, in the empty slot. */
uint32_t bw_switch_restrict(bw_cptr port, const char *rules, bw_cptr slot);
/* One that was made so ends, with all that were made of it. */
uint32_t bw_switch_close(bw_cptr port);

/* For a monitor (protocol Switch): ports, then uplinks, are numbered from 0. */
uint32_t bw_switch_info(bw_cptr monitor, uint32_t *ports, uint32_t *uplinks);

struct bw_switch_port {
    uint64_t mac;
    bool open, uplink, any_mac;
    uint32_t stations;
    char name[BW_SWITCH_NAME + 1];
};
uint32_t bw_switch_port(bw_cptr monitor, uint32_t number, struct bw_switch_port *port);

/* From there, and for there; and what did not go on, by why: mac, source, arp, peer, unknown, fragment, isolated, rate, reserved, room, window. */
struct bw_switch_counters {
    uint64_t sent_frames, sent_bytes, received_frames, received_bytes;
    uint64_t sent_dropped[BW_SWITCH_REASONS], received_dropped[BW_SWITCH_REASONS];
};
uint32_t bw_switch_counters(bw_cptr monitor, uint32_t number, struct bw_switch_counters *counters);
