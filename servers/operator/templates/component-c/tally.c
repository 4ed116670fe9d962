/* tally.c: a server. It keeps a total for each client; who a client is, the kernel says with the badge of each request. */
#include <bailiwick.h>

#include "protocol.h"

#define CLIENTS 8

static uint64_t totals[CLIENTS];

/* A handler has the request's words in r->w, puts the answer's there, and returns 0 or a refusal of the protocol. */
static uint32_t do_add(struct bw_request *r) {
    /* A badge is offer << 16 | client, clients numbered from 1. */
    const uint64_t client = r->badge & 0xffff;
    if (client < 1 || client > CLIENTS) return TALLY_E_BAD_REQUEST;
    uint64_t *total = &totals[client - 1];
    /* Written so that it cannot wrap, whatever the client sends. */
    if (r->w[0] > UINT32_MAX - *total) return TALLY_E_OVERFLOW;
    *total += r->w[0];
    r->w[0] = *total;
    r->answer_length = 1;
    return 0;
}

int main(void) {
    /* A request with another label or number of words is answered with bad_request before it comes to a handler. */
    static const struct bw_method methods[] = {{.label = TALLY_ADD, .words = 1, .handle = do_add}};
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof methods[0], .bad_request = TALLY_E_BAD_REQUEST};
    bw_serve(&service);
}
