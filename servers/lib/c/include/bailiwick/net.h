/*
 * net.h: a client of the network server. A capability is a view (what may be done) or a socket. Addresses are IPv4 as a number, 10.0.2.2 is 0x0a000202; times are
 * milliseconds, 0 the server's own, BW_NET_NOW not to wait at all. Results are 0, the protocol's NET_E_... (<bailiwick/net-protocol.h>), or BW_NET_GONE: the server has ended, or the capability is none of its.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

#define BW_NET_GONE UINT32_MAX
#define BW_NET_NOW UINT64_MAX
/* Bytes that go with one message; of a datagram that is received; and of the largest datagram. */
#define BW_NET_PIECE 928U
#define BW_NET_DATAGRAM_PIECE 912U
#define BW_NET_DATAGRAM 1472U

struct bw_net_peer {
    uint32_t address;
    uint16_t port;
};

struct bw_net_info {
    /* 0 while there is none. */
    uint32_t address, mask, gateway;
    bool link;
    /* The first byte lowest. */
    uint64_t mac;
};

struct bw_net_echo {
    uint32_t address;
    /* From when it went, to when the server saw the answer. */
    uint64_t microseconds;
};

/* The server rings `bit` of this program's notification when a socket may be worth looking at, and knows by it when this program has ended: then it ends all that it had. */
uint32_t bw_net_watch(bw_cptr net, bw_cptr slot, uint64_t bit);
uint32_t bw_net_info(bw_cptr net, struct bw_net_info *info);
/* A connected socket to the host of this address or name, into the empty `slot`. */
uint32_t bw_net_connect(bw_cptr net, const char *host, uint16_t port, uint64_t timeout, bw_cptr slot);
/* backlog: 1..32. */
uint32_t bw_net_listen(bw_cptr net, uint16_t port, uint32_t backlog, bw_cptr slot);
/* port 0: any. */
uint32_t bw_net_udp(bw_cptr net, uint16_t port, bw_cptr slot);
uint32_t bw_net_resolve(bw_cptr net, const char *name, uint64_t timeout, uint32_t *address);
/* An echo request with `size` bytes (at most BW_NET_DATAGRAM) to the host of this address or name; waits for the answer. echo: may be NULL. */
uint32_t bw_net_ping(bw_cptr net, const char *host, uint32_t size, uint64_t timeout, struct bw_net_echo *echo);
/* rules: lines as in servers/net/protocol.ts. */
uint32_t bw_net_restrict(bw_cptr net, const char *rules, bw_cptr slot);
/* The oldest connection that waits; waits for one. peer: may be NULL. */
uint32_t bw_net_accept(bw_cptr listener, uint64_t timeout, bw_cptr slot, struct bw_net_peer *peer);
/* All of them, in pieces, each waiting for room. *done: as many as went. */
uint32_t bw_net_send(bw_cptr socket, const void *bytes, size_t count, uint64_t timeout, size_t *done);
/* As soon as there are any, up to `room`. *count 0: the other side sends no more. */
uint32_t bw_net_receive(bw_cptr socket, void *bytes, size_t room, uint64_t timeout, size_t *count);
uint32_t bw_net_shutdown(bw_cptr socket);
/* The capability ends, wherever its copies are; the slot is emptied. */
uint32_t bw_net_close(bw_cptr socket);
/* One datagram, up to BW_NET_DATAGRAM bytes. */
uint32_t bw_net_send_to(bw_cptr socket, struct bw_net_peer to, const void *bytes, size_t count);
/* One datagram, of which what does not fit into `room` is lost; *count: as many as it had. */
uint32_t bw_net_receive_from(bw_cptr socket, struct bw_net_peer *from, void *bytes, size_t room, uint64_t timeout, size_t *count);
