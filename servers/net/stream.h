/*
 * stream.h: connections and listeners over lwIP's TCP. lwIP calls back while frames are taken; what it says is written into the socket, and whoever waits is looked after
 * later (calls.h): nothing here calls back into lwIP for another socket.
 *
 * Invariants
 *   S1  What came is copied into the socket at once, and the window opened only as far as the client has received it: a client that does not read holds its own
 *       LIMIT_BUFFER bytes and no more, however small the segments were.
 *   S2  What waits to fill a segment goes within FLUSH_NS, or at the client's next request of that socket that is not another full piece.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "table.h"

/* Nanoseconds after which an answer that is owed is given up. */
void stream_begin(uint64_t patience);
/* Each gives 0 or a refusal. */
uint32_t stream_connect(struct socket *socket, uint32_t address, uint16_t port);
uint32_t stream_listen(struct socket *socket, uint16_t port, uint32_t backlog);
/* The oldest that waits; NULL: none. */
struct socket *stream_accept(const struct socket *listener);
/* Bytes that would be taken at once. */
uint32_t stream_room(const struct socket *socket);
/* *taken: how many went; 0 without a refusal: there is no room. After a piece as large as a message holds there is likely to be another, so what does not fill a segment waits for it (S2). */
uint32_t stream_send(struct socket *socket, const void *bytes, uint32_t count, uint32_t *taken);
/* What waits to fill a segment goes: the client does something else with its socket. */
void stream_flush(struct socket *socket);
/* When what waits goes in any case, UINT64_MAX for nothing; and it goes, if it is time. */
uint64_t stream_due(void);
void stream_flush_due(void);
/* So many were received, and there is room for more. */
void stream_received(struct socket *socket, uint32_t count);
uint32_t stream_shutdown(struct socket *socket);
/* The socket's place is free at once, or when lwIP has sent what it held. */
void stream_close(struct socket *socket);
/* At once, and the other side is told. */
void stream_abort(struct socket *socket);
/* Frees the places of what has closed by now; once a second. */
void stream_sweep(void);
/* A place for a socket of this client: what closes slowly gives way. */
struct socket *stream_take(uint32_t client, enum socket_state state);
/* How it ended: a refusal. */
uint32_t stream_end(const struct socket *socket);
