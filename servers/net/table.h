/*
 * table.h: what badges name: views (rules) and sockets, and the clients whose they are.
 *
 * Invariants
 *   N1  A badge that was given never names anything else: places are used again, with another number.
 *   N2  What a client has is counted against it, whoever holds the capabilities: LIMIT_SOCKETS_EACH sockets, LIMIT_VIEWS_EACH views.
 *   N3  No socket is without a client, and none of a client is left when the client has ended (its bell is gone).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick.h>

#include "limits.h"
#include "rules.h"

struct bw_flow;
struct tcp_pcb;
struct udp_pcb;

/* DIALLING: its name is looked up, or no answer has come yet. QUEUED: a connection of a listener that nobody has accepted. CLOSING: its capability is dead, and lwIP still has to
 * send what it held. */
enum socket_state { SOCKET_FREE, SOCKET_LISTENING, SOCKET_DIALLING, SOCKET_QUEUED, SOCKET_CONNECTED, SOCKET_CLOSING, SOCKET_DATAGRAMS };

enum { LIMIT_PIECE = 928, LIMIT_DATAGRAM_PIECE = 912, LIMIT_DATAGRAM = 1472, LIMIT_PEERS = 16 };

struct socket {
    enum socket_state state;
    uint32_t client;
    /* The quota that it uses up; NULL: none. */
    struct bw_flow *flow;
    /* How often this place was used. */
    uint64_t times;
    /* lwIP's; NULL once it has ended. A listener's is a struct tcp_pcb_listen. */
    struct tcp_pcb *tcp;
    struct udp_pcb *udp;
    /* 0, or the refusal that says how it ended. */
    uint32_t error;
    /* The other side sends no more; this side does not. */
    bool ended, shut;
    /* What came and was not received: a ring. Of datagrams each with a struct datagram before it. */
    uint32_t first, count;
    /* Since when an answer is owed to what was sent; since when it closes. */
    uint64_t since;
    /* QUEUED: whose, and in which order. */
    const struct socket *listener;
    uint64_t order;
    /* Datagrams: what its view allowed, and the ports of those who have written. */
    struct rules rules;
    struct peer {
        uint32_t address;
        uint16_t port;
    } peers[LIMIT_PEERS];
    uint32_t next_peer;
    /* A datagram in the making; of a connection a segment. */
    uint32_t made;
    uint8_t making[LIMIT_DATAGRAM];
    uint8_t bytes[LIMIT_BUFFER];
};

struct datagram {
    uint32_t address;
    uint16_t port;
    uint16_t bytes;
};

struct view {
    bool used;
    uint32_t client;
    uint64_t times;
    /* The manifest's badge that it was made from. */
    uint64_t origin;
    struct rules rules;
};

/* The clients of the manifest, by their number. */
struct client {
    uint64_t number;
    /* It has given a bell, to be rung. */
    bool has_bell, ring;
    /* Its quota made it wait: it is rung when it may go on. */
    bool held;
};

extern struct client clients[LIMIT_CLIENTS];
extern struct socket sockets[LIMIT_SOCKETS];

/* The rules of the manifest's offers; NULL, or what is wrong with them. */
const char *table_begin(void);

/* What a badge names: rules and a client, or a socket; NULL for what it does not. */
const struct rules *rules_of(uint64_t badge, uint32_t *client);
struct socket *socket_of(uint64_t badge);
/* The manifest's badge behind that of a view. */
uint64_t origin_of(uint64_t badge);

uint64_t badge_of_socket(const struct socket *socket);
/* A free socket of the client's, empty; NULL: it has all it may have. */
struct socket *take_socket(uint32_t client, enum socket_state state);
/* Its place is free, and its badge dead. */
void free_socket(struct socket *socket);
/* Its badge dies, and the socket stays. */
void kill_badge(struct socket *socket);
/* The badge of a new view; 0: the client has all it may have. */
uint64_t make_view(uint32_t client, uint64_t from, const struct rules *rules);
bool close_view(uint64_t badge);
void close_views(uint32_t client);

/* The ring of a socket. */
uint32_t room_in(const struct socket *socket);
void put_in(struct socket *socket, const void *bytes, uint32_t count);
void look_in(const struct socket *socket, uint32_t at, void *bytes, uint32_t count);
void take_out(struct socket *socket, uint32_t count);
