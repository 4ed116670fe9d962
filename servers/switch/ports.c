/* ports.c: see ports.h. */
#include "ports.h"

#include <bailiwick/lent.h>

#include "clock.h"
#include "forward.h"
#include "stations.h"

struct port {
    /* First, so that its port is known by it. */
    struct bw_nic_port nic;
    uint64_t mac;
    struct view *view;
    struct room {
        uint32_t tag, window, offset;
    } rooms[BW_NIC_ROOMS];
    uint32_t first_room, rooms_used;
    /* Q4. One for each tag that a frame to send can have. */
    struct held {
        uint32_t tag, window, offset, bytes;
    } held[BW_NIC_ROOMS];
    uint32_t first_held, held_used;
    /* A multiple of 8 bytes, as bw_lent_copy likes it. */
    struct waiting {
        uint64_t bytes;
        uint8_t frame[1520];
    } queue[PORT_QUEUE];
    uint32_t first_waiting, waiting;
};

static struct port ports[PORTS];
static uint64_t windows_address;

static uint32_t number_of(const struct bw_nic_port *nic) { return (uint32_t)((const struct port *)nic - ports); }
static uint64_t window_address(const struct bw_nic_port *nic, uint32_t window) { return windows_address + ((uint64_t)number_of(nic) * BW_NIC_WINDOWS + window) * BW_NIC_WINDOW; }

/* Only a frame of 2 MiB: there is no page table for a smaller one. */
static bw_err map(struct bw_nic_port *nic, uint32_t window, bw_cptr slot, uint32_t rights) { return bw_frame_map(slot, window_address(nic, window), BW_SLOT_VSPACE, rights); }

/* Q2. False: it is gone, and is no window any more. */
static bool copy(struct bw_nic_port *nic, uint32_t window, void *to, const void *from, uint32_t bytes) {
    if (bw_lent_copy(to, from, bytes)) return true;
    nic->windows[window] = 0;
    counts[number_of(nic)][SEND].verdicts[DROP_WINDOW]++;
    return false;
}

/* Into the client's oldest room that is still there. */
static bool fill_room(struct port *port, const uint8_t *frame, uint32_t bytes) {
    while (port->rooms_used > 0) {
        const struct room room = port->rooms[port->first_room];
        port->first_room = (port->first_room + 1) % BW_NIC_ROOMS, port->rooms_used--;
        /* Another may have been lent under its number meanwhile. */
        const bool writable = (port->nic.windows[room.window] & BW_RIGHT_WRITE) != 0;
        if (writable && copy(&port->nic, room.window, (void *)(window_address(&port->nic, room.window) + room.offset), frame, bytes)) {
            bw_nic_answer(&port->nic, room.tag, BW_NIC_DONE, bytes);
            return true;
        }
        bw_nic_answer(&port->nic, room.tag, BW_NIC_FAILED, 0);
    }
    return false;
}

bool port_deliver(uint32_t number, const uint8_t *frame, uint32_t bytes) {
    struct port *port = &ports[number];
    if (port->waiting == 0 && fill_room(port, frame, bytes)) return true;
    if (port->waiting == PORT_QUEUE) return false;
    struct waiting *last = &port->queue[(port->first_waiting + port->waiting++) % PORT_QUEUE];
    last->bytes = bytes;
    memcpy(last->frame, frame, bytes);
    return true;
}

static void take_room(struct port *port, uint32_t tag, const struct bw_nic_request *r) {
    port->rooms[(port->first_room + port->rooms_used++) % BW_NIC_ROOMS] = (struct room){.tag = tag, .window = r->window, .offset = r->offset};
    if (port->waiting == 0) return;
    const struct waiting *oldest = &port->queue[port->first_waiting];
    if (!fill_room(port, oldest->frame, (uint32_t)oldest->bytes)) return;
    port->first_waiting = (port->first_waiting + 1) % PORT_QUEUE, port->waiting--;
}

/* Q1. */
static void send_out(struct bw_nic_port *nic, const struct held *held) {
    static uint64_t frame[1520 / sizeof(uint64_t)];
    /* Another window may have been lent under its number meanwhile. */
    const bool readable = (nic->windows[held->window] & BW_RIGHT_READ) != 0;
    const bool whole = readable && copy(nic, held->window, frame, (const void *)(window_address(nic, held->window) + held->offset), held->bytes);
    if (whole) forward(number_of(nic), (const uint8_t *)frame, held->bytes);
    bw_nic_answer(nic, held->tag, whole ? BW_NIC_DONE : BW_NIC_FAILED, 0);
}

/* Q4: as many as may go now. */
static void send_held(struct port *port) {
    uint64_t due = 0;
    while (port->held_used > 0) {
        const struct held *oldest = &port->held[port->first_held];
        if (!view_may_send(port->view, oldest->bytes, &due)) {
            clock_wake(due);
            return;
        }
        port->first_held = (port->first_held + 1) % BW_NIC_ROOMS, port->held_used--;
        send_out(&port->nic, oldest);
    }
}

static void submit(struct bw_nic_port *nic, uint32_t tag, const struct bw_nic_request *r) {
    struct port *port = (struct port *)nic;
    if (r->operation == BW_NIC_TAKE) {
        take_room(port, tag, r);
        return;
    }
    port->held[(port->first_held + port->held_used++) % BW_NIC_ROOMS] = (struct held){.tag = tag, .window = r->window, .offset = r->offset, .bytes = r->bytes};
    send_held(port);
}

/* Q3. */
static void forget(struct bw_nic_port *nic) {
    struct port *port = (struct port *)nic;
    port->first_room = port->rooms_used = port->first_waiting = port->waiting = port->first_held = port->held_used = 0;
    stations_forget(number_of(nic));
}

/* SplitMix64's step. */
static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Locally administered, and no group's. */
void ports_draw(uint64_t seed) {
    for (uint32_t i = 0; i < PORTS; i++) ports[i].mac = (mix(seed + i) & 0xffffffffffffULL & ~3ULL) | 2;
}

bw_err ports_begin(uint32_t count, const struct ports_room *room) {
    static const struct bw_nic_behind behind = {.map = map, .submit = submit, .forget = forget};
    bw_err error = 0;
    windows_address = room->windows;
    for (uint32_t i = 0; error == 0 && i < count; i++) {
        struct port *port = &ports[i];
        port->view = view_of_port(i);
        port->nic = (struct bw_nic_port){
            .behind = &behind, .present = true, .slots = room->slots + i * BW_NIC_PORT_SLOTS, .address = room->address + i * BW_NIC_PORT_BYTES, .bit = room->first_bit << i, .received = room->received,
        };
        error = bw_nic_port_init(&port->nic);
    }
    return error;
}

struct bw_nic_port *port_nic(uint32_t port) { return &ports[port].nic; }
uint64_t port_mac(uint32_t port) { return ports[port].mac; }
bool port_is_open(uint32_t port) { return ports[port].nic.channel.client != 0; }
struct view *port_view(uint32_t port) { return ports[port].view; }
void port_opened(uint32_t port, struct view *view) { ports[port].view = view; }

void port_closed(uint32_t number, const struct view *view) {
    struct port *port = &ports[number];
    if (!view_is_under(port->view, view)) return;
    bw_nic_port_end(&port->nic);
    port->view = view_of_port(number);
}

bool port_turn(uint32_t port) {
    if (!port_is_open(port)) return false;
    send_held(&ports[port]);
    return bw_nic_port_take(&ports[port].nic) == BW_NIC_PIECE;
}

bool port_sleeps(uint32_t port) {
    struct bw_nic_port *nic = &ports[port].nic;
    if (!port_is_open(port)) return true;
    /* First: what is given makes room for requests that may be there already. */
    bw_nic_port_give(nic);
    return bw_nic_port_sleeps(nic);
}
