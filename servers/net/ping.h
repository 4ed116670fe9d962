/*
 * ping.h: echo requests and what comes back (RFC 792). lwIP itself answers those of others, and has no way to ask: this is what stands behind it where its raw sockets would.
 *
 * Invariants
 *   P1  An answer counts only if it comes from the address that was asked, with its 32 bits that nobody can guess, and all the bytes that went. That there is no way is believed of
 *       anybody who shows those bits.
 *   P2  At most LIMIT_PINGS_EACH of a client's wait, and what it pings counts among the neighbours that it may ask for (hops.h).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Bytes behind the header of the largest request: one frame's. */
enum { LIMIT_PING = 1472 };

struct ping {
    /* done: it has its answer, or the refusal that says why there is none. */
    bool used, done;
    uint32_t client, address, bytes, refusal;
    uint16_t identifier, sequence;
    /* Nanoseconds: when it went, and how long the answer took. */
    uint64_t sent, took;
};

/* A place for a request of up to LIMIT_PING bytes; NULL: the client has all that it may have. */
struct ping *ping_take(uint32_t client, uint32_t bytes);
/* It goes to this address, or is done with a refusal. */
void ping_send(struct ping *ping, uint32_t address);
/* The place is free: an answer that comes later is nobody's. */
void ping_forget(struct ping *ping);
/* All of the client's are done: closed. */
void pings_end(uint32_t client);
