/* server.c: a counter in C, one total for each client. The kernel vouches for the badge, so a client cannot pass for another. */
#include <bailiwick.h>

#include "protocol.h"

#define CLIENTS 8
#define MOST UINT32_MAX

struct client {
    uint64_t total;
    uint64_t requests;
};

static struct client clients[CLIENTS];

/* A badge is offer << 16 | client, clients numbered from 1. NULL: more than this server keeps. */
static struct client *client_of(const struct bw_request *r) {
    const uint64_t number = r->badge & 0xffff;
    if (number < 1 || number > CLIENTS) return NULL;
    clients[number - 1].requests++;
    return &clients[number - 1];
}

static uint32_t do_add(struct bw_request *r) {
    struct client *c = client_of(r);
    if (c == NULL) return COUNTER_E_BAD_REQUEST;
    if (r->w[0] > MOST - c->total) return COUNTER_E_OVERFLOW;
    c->total += r->w[0];
    r->w[0] = c->total;
    r->answer_length = 1;
    return 0;
}

static uint32_t do_total(struct bw_request *r) {
    const struct client *c = client_of(r);
    if (c == NULL) return COUNTER_E_BAD_REQUEST;
    r->w[0] = c->total;
    r->w[1] = c->requests;
    r->answer_length = 2;
    return 0;
}

static uint32_t do_describe(struct bw_request *r) {
    static const char text[] = "a counter in C";
    const size_t count = sizeof text - 1;
    if (client_of(r) == NULL) return COUNTER_E_BAD_REQUEST;
    r->w[0] = r->badge & 0xffff;
    r->w[1] = count;
    memcpy(bw_answer_room(2), text, count);
    bw_answer_bytes(r, 2, count);
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {
        {.label = COUNTER_ADD, .words = 1, .handle = do_add},
        {.label = COUNTER_TOTAL, .words = 0, .handle = do_total},
        {.label = COUNTER_DESCRIBE, .words = 0, .handle = do_describe},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof methods[0], .bad_request = COUNTER_E_BAD_REQUEST};
    bw_serve(&service);
}
