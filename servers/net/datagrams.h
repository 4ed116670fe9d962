/*
 * datagrams.h: datagram sockets over lwIP's UDP.
 *
 * Invariant
 *   D1  A datagram goes only where a rule allows it, or, from a port of this side that a rule allows, to one of the last LIMIT_PEERS who have written to it; and one that
 *       comes is kept only if it comes from there, or to such a port.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "table.h"

/* port 0: any. *bound: which. Each gives 0 or a refusal. */
uint32_t datagrams_begin(struct socket *socket, const struct rules *rules, uint16_t port, uint16_t *bound);
/* Adds to the datagram in the making. */
uint32_t datagrams_add(struct socket *socket, const void *bytes, uint32_t count);
/* It goes, or is forgotten. */
uint32_t datagrams_send(struct socket *socket, uint32_t address, uint16_t port);
/* Bytes that datagrams_receive would give; 0: none. */
uint32_t datagrams_next(const struct socket *socket, uint32_t most);
/* The oldest: its first bytes, up to `most`; *left: how many more it has, for the next call. False: there is none. */
bool datagrams_receive(struct socket *socket, struct datagram *of, void *bytes, uint32_t most, uint32_t *left);
void datagrams_close(struct socket *socket);
