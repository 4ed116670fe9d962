/*
 * calls.h: requests that may have to wait: what is asked, and where the caller is held meanwhile. A call is attempted when it comes, and again after anything has happened,
 * until it has an answer.
 *
 * Invariants
 *   C1  A caller is answered once: by the loop, or from its place here, which it then leaves.
 *   C2  A client has at most CALLS_EACH callers waiting, one for each thing that can be waited for on a socket: it uses up its own places and no others.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick.h>

#include "names.h"
#include "ping.h"
#include "table.h"

enum { CALLS_EACH = 8, CALLS = LIMIT_CLIENTS * CALLS_EACH };

/* What goes back: words, bytes behind them, and a capability. */
struct answer {
    uint32_t length;
    uint64_t w[5];
    uint32_t count;
    uint8_t bytes[LIMIT_PIECE];
    /* Of a capability to be made, 0: none; and the socket it is of, if it is one's. */
    uint64_t badge;
    struct socket *made;
};

enum call_kind { CALL_CONNECT, CALL_ACCEPT, CALL_SEND, CALL_RECEIVE, CALL_RECEIVE_FROM, CALL_SEND_TO, CALL_RESOLVE, CALL_PING };

struct call {
    bool used;
    enum call_kind kind;
    uint32_t client;
    struct socket *socket;
    /* Of the socket, when the call came. */
    uint64_t times;
    struct lookup *lookup;
    struct ping *ping;
    /* When it is answered `timeout`; 0: never. */
    uint64_t deadline;
    /* CONNECT, SEND_TO: the host. */
    uint32_t address;
    uint16_t port;
    /* SEND: what is to go; RECEIVE: at most so many. */
    uint32_t count;
    uint8_t bytes[LIMIT_PIECE];
    bw_cptr reply;
};

/* slots: CALLS empty ones, for reply objects. False: there is too little memory. */
bool calls_begin(bw_cptr slots, bw_cptr minted);
/* Attempts the call now. BW_LATER: it is kept, and the service has another reply object. Else the label of the answer. */
uint32_t call_now(const struct call *call, struct bw_service *service, struct answer *answer);
/* There is one like it, of the same socket, that waits. */
bool call_waits(const struct call *call);
/* Makes `answer`, for a request or for a call that waits, into words and capabilities of a message; gives its info word. label may become `full`. */
uint64_t write_answer(uint32_t label, struct answer *answer);
/* Attempts all that wait; gives the next deadline, UINT64_MAX for none. */
uint64_t calls_attempt(void);
/* Its sockets and views end, and its callers are told. */
void drop_client(uint32_t client);
/* A socket of any kind ends. */
void close_socket(struct socket *socket);
