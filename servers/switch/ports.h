/*
 * ports.h: the ports, each with its client's channel, windows and rooms (<bailiwick/nicport.h>), and a queue for what comes while there is no room.
 *
 * Invariants
 *   Q1  A frame that a client sends is copied out of its window once, before anything looks at it.
 *   Q2  A client's memory is touched by bw_lent_copy alone: one that takes it back, or ends, costs its own frames.
 *   Q3  A port keeps at most PORT_QUEUE frames for its client, in the order in which they came; what comes then is lost. None outlives the channel.
 *   Q4  What a client sends beyond its quota stays in its window until it may go, and the order is kept: it costs the switch a place here, and nobody else anything.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick.h>
#include <bailiwick/nicport.h>

#include "views.h"

enum { PORT_QUEUE = 32 };

/* Where their channels, and clients' windows, are mapped: each in runs of 2 MiB of their own. */
#define PORTS_BYTES (PORTS * BW_NIC_PORT_BYTES)
_Static_assert(PORTS_BYTES <= BW_NIC_WINDOW, "the channels are in one run");
#define PORTS_WINDOWS_BYTES ((uint64_t)PORTS * BW_NIC_WINDOWS * BW_NIC_WINDOW)

struct ports_room {
    /* First of `count` * BW_NIC_PORT_SLOTS empty slots; the service's receive_first; what clients ring: first_bit << port. */
    bw_cptr slots, received;
    uint64_t address, windows, first_bit;
};

/* Errors: the kernel's. */
bw_err ports_begin(uint32_t count, const struct ports_room *room);
/* Gives each its address, which follows from the seed. */
void ports_draw(uint64_t seed);

struct bw_nic_port *port_nic(uint32_t port);
uint64_t port_mac(uint32_t port);
/* It has a client. */
bool port_is_open(uint32_t port);
/* The rules of its client's capability; of the manifest's while there is none. */
struct view *port_view(uint32_t port);
/* bw_nic_port_open has succeeded for a capability with this view. */
void port_opened(uint32_t port, struct view *view);
/* A view of it has been closed: who had the port under it, has it no longer. */
void port_closed(uint32_t port, const struct view *view);

/* A frame for its client. False: it has no room, and the queue is full. */
bool port_deliver(uint32_t port, const uint8_t *frame, uint32_t bytes);
/* Takes requests of its client, a bounded number. True: there may be more. */
bool port_turn(uint32_t port);
/* Gives its client what it is owed, and says that the switch sleeps. False: there are requests already, so another turn is due. */
bool port_sleeps(uint32_t port);
