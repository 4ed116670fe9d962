/*
 * nicport.h: the driver's side of protocol NicDriver, for one client: its channel, its windows, what it asked for and has not been answered. What is behind a port,
 * a card (servers/nic) or a switch (servers/switch), its program says with three functions; a client cannot tell them apart.
 *
 * Invariants
 *   P1  A request's numbers are read once, from the port's own copy, and checked before what is behind the port sees any of them.
 *   P2  A tag is a request's from when it is taken until it is answered; the answer stays with it until the client has room. Answers go in the order in which they came about.
 *   P3  A channel begins with nothing under way: no frame goes into a room of the client before, and none of its requests is answered to this one.
 *   P4  Windows are of the channel's client alone.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/channel.h>
#include <bailiwick/nic.h>
#include <bailiwick/serve.h>

/* Tags: of rooms, of frames to send, and of requests that are only refused. That many requests are taken at a time, too. */
enum { BW_NIC_PIECE = 16, BW_NIC_FIRST_SEND = BW_NIC_ROOMS, BW_NIC_FIRST_REFUSED = 2 * BW_NIC_ROOMS, BW_NIC_TAGS = BW_NIC_FIRST_REFUSED + BW_NIC_PIECE, BW_NIC_KINDS = 3 };
/* Frames of a port's channel, slots and memory that it takes. */
enum { BW_NIC_PORT_PAGES = 8, BW_NIC_PORT_SLOTS = BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(BW_NIC_PORT_PAGES) + BW_NIC_WINDOWS };
#define BW_NIC_PORT_BYTES (BW_NIC_PORT_PAGES * (uint64_t)BW_CHANNEL_PAGE)

struct bw_nic_port;

/* What is behind a port. */
struct bw_nic_behind {
    /* The frame in `slot` is window `number` from now on, with these rights. Ended by the slot being emptied. */
    bw_err (*map)(struct bw_nic_port *port, uint32_t number, bw_cptr slot, uint32_t rights);
    /* A request that is as it must be: bw_nic_answer with its tag, now or later. Tags of rooms: 0..; of frames to send: BW_NIC_FIRST_SEND... */
    void (*submit)(struct bw_nic_port *port, uint32_t tag, const struct bw_nic_request *request);
    /* P3: what was under way is to be forgotten, its tags are free again. */
    void (*forget)(struct bw_nic_port *port);
};

enum bw_nic_state { BW_NIC_FREE, BW_NIC_UNDER_WAY, BW_NIC_ANSWERED };

/* `behind`, `present`, `slots`, `address`, `bit` and `received` are the program's to set, before bw_nic_port_init; the rest is to be read only. */
struct bw_nic_port {
    const struct bw_nic_behind *behind;
    /* There is something behind it; else every request fails. May change at any time. */
    bool present;
    /* First of BW_NIC_PORT_SLOTS empty slots, and of BW_NIC_PORT_BYTES of addresses for the channel, in one run of 2 MiB. */
    bw_cptr slots;
    uint64_t address;
    /* What the client rings, as in struct bw_acceptor; the service's receive_first. */
    uint64_t bit;
    bw_cptr received;

    struct bw_accepted channel;
    struct bw_acceptor acceptor;
    /* What each window allows: 0 for none; and whose they are. */
    uint32_t windows[BW_NIC_WINDOWS];
    uint64_t windows_of;
    struct bw_nic_tag {
        enum bw_nic_state state;
        uint32_t id;
        uint32_t result;
        uint32_t bytes;
    } tags[BW_NIC_TAGS];
    /* Where the tags of each kind begin, how many there are, how many are free, where to look for the next. */
    struct bw_nic_kind {
        uint32_t first;
        uint32_t count;
        uint32_t free;
        uint32_t next;
    } kinds[BW_NIC_KINDS];
    /* Tags that are answered, the oldest first (P2). */
    uint32_t answered[BW_NIC_TAGS], oldest, answers;
};

/* Makes the channel's memory. Errors: those of bw_acceptor_init. */
bw_err bw_nic_port_init(struct bw_nic_port *port);

/* Handlers of NIC_DRIVER_WINDOW (1 word), _OPEN (4) and _MEMORY (1). NIC_DRIVER_INFO is the program's. */
uint32_t bw_nic_port_window(struct bw_nic_port *port, struct bw_request *request);
uint32_t bw_nic_port_open(struct bw_nic_port *port, struct bw_request *request);
uint32_t bw_nic_port_memory(struct bw_nic_port *port, struct bw_request *request);

/* Takes requests, BW_NIC_PIECE at most, and submits or refuses them; how many. */
uint32_t bw_nic_port_take(struct bw_nic_port *port);
/* There is room for one request more, whatever it is. */
bool bw_nic_port_can_take(const struct bw_nic_port *port);
/* Says that nobody looks at the requests until the client rings. False: there are some that can be taken now. */
bool bw_nic_port_sleeps(struct bw_nic_port *port);

/* Takes the port from its client: nothing that it asked for is answered any more, its windows are gone, and another may open the port. */
void bw_nic_port_end(struct bw_nic_port *port);

/* The answer of a request that is under way. */
void bw_nic_answer(struct bw_nic_port *port, uint32_t tag, uint32_t result, uint32_t bytes);
/* All that is under way has failed. */
void bw_nic_port_fail(struct bw_nic_port *port);
/* Gives the client its answers, as far as it has room, and rings if it sleeps. */
void bw_nic_port_give(struct bw_nic_port *port);
