/* membrane.c: a facet and a membrane before the server, with one thread. */
#include "membrane.h"
#include <bailiwick/patterns-protocol.h>
#include <bailiwick/patterns/gate.h>
#include <bailiwick/patterns/lend.h>
#include <bailiwick/patterns/membrane.h>

BW_USE(server);

enum { PLACES = 16, SLOT_RECEIVED = 128, SLOT_ANSWERS = 134, SLOT_FACET = 137, SLOT_PLACES };
#define FACET_BADGE (1ULL << 31)

static const uint32_t allowed[] = {CALL};
static struct bw_gate gate = {.labels = allowed, .count = 1, .carries = true, .answers = SLOT_ANSWERS};
static struct bw_membrane_port port = {.reply = BW_SLOT_REPLY, .slots = SLOT_RECEIVED};
static struct bw_membrane_place places[PLACES];
static struct bw_membrane membrane = {
    .endpoint = BW_SLOT_SERVICE, .badge_first = FACET_BADGE + 1, .places = places, .count = PLACES, .slots = SLOT_PLACES, .each = PLACES / 2, .ports = &port, .port_count = 1,
};

static uint32_t first(struct bw_request *r) { return r->badge == FACET_BADGE ? bw_gate_handle(&gate, r) : bw_membrane_handle(&membrane, r); }

static uint32_t do_get(struct bw_request *r) {
    gate.target = bw_use_server.cap;
    if (r->w[0] == FACET && bw_lend(SLOT_FACET, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY, FACET_BADGE) != 0) return REFUSED;
    const bw_cptr cap = r->w[0] == FACET ? SLOT_FACET : bw_membrane_wrap(&membrane, BW_INNER, bw_use_server.cap);
    if (cap == 0) return REFUSED;
    bw_ipc()->caps[r->answer_caps++] = cap;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {{.label = GET, .words = 1, .handle = do_get}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = REFUSED, .first = first, .receive_first = SLOT_RECEIVED, .receive_count = BW_MAX_CAPS};
    bw_serve(&service);
}
