/* host.c: the owner of protocol.ts, one thread for all patterns. */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>
#include <bailiwick/patterns/gate.h>
#include <bailiwick/patterns/lend.h>
#include <bailiwick/patterns/membrane.h>
#include <bailiwick/patterns/seal.h>

#include "protocol.h"

BW_USE(inner);

enum { MEMBRANE, FACET, CARETAKER, LOAN, SEALER, UNSEALER, OTHER_SEALER, OTHER_UNSEALER, WHATS };
enum { PLACES = 10, EACH = 5, BOXES = 4 };
enum { SLOT_RECEIVED = 128, SLOT_ANSWERS = 134, SLOT_GIVEN = 138, SLOT_BOX = SLOT_GIVEN + WHATS, SLOT_BOXES, SLOT_PLACES = 160 };
#define MADE (1ULL << 31)
#define GATES (MADE + BW_MEMBRANE_BADGES)
#define SEALS (GATES + 16)

static struct bw_membrane_port port = {.reply = BW_SLOT_REPLY, .slots = SLOT_RECEIVED};
static struct bw_membrane_place places[PLACES];
static struct bw_membrane membrane = {
    .endpoint = BW_SLOT_SERVICE, .badge_first = MADE, .places = places, .count = PLACES, .slots = SLOT_PLACES, .each = EACH, .ports = &port, .port_count = 1,
    .notification = BW_SLOT_NOTIFICATION, .bit_first = 60, .bits = 3,
};
static const uint32_t allowed[] = {PARTY_ADD, PARTY_ECHO};
static struct bw_gate facet = {.labels = allowed, .count = 2}, caretaker = {.carries = true, .answers = SLOT_ANSWERS};
static struct bw_box boxes[BOXES];
static struct bw_seals seals = {.endpoint = BW_SLOT_SERVICE, .badge_first = SEALS, .boxes = boxes, .count = BOXES, .slots = SLOT_BOXES, .made = SLOT_BOX, .each = 3};

/* The owner's own service, which it lends without anything in between. */
static uint32_t own(struct bw_request *r) {
    if (r->label != PARTY_ADD || r->length < 1) return PARTY_E_BAD_REQUEST;
    r->w[0]++;
    r->w[1] = r->badge;
    r->w[2] = 42;
    r->answer_length = 3;
    return 0;
}

static uint32_t first(struct bw_request *r) {
    if (r->badge == GATES + FACET) return bw_gate_handle(&facet, r);
    if (r->badge == GATES + CARETAKER) return bw_gate_handle(&caretaker, r);
    if (r->badge == GATES + LOAN) return own(r);
    const uint32_t label = bw_membrane_handle(&membrane, r);
    return label != BW_NOT_MINE ? label : bw_seals_handle(&seals, r);
}

static void notified(uint64_t bits) { bw_membrane_notified(&membrane, bits); }

static bool is_loan(uint64_t what) { return what == FACET || what == CARETAKER || what == LOAN; }

/* What the stranger is given; 0: nothing. */
static bw_cptr make(uint64_t what) {
    const bw_cptr slot = SLOT_GIVEN + what;
    const uint32_t rights = BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY | BW_RIGHT_GRANT;
    if (what == MEMBRANE) return bw_membrane_wrap(&membrane, BW_INNER, bw_use_inner.cap);
    if (what >= WHATS) return 0;
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    if (is_loan(what)) {
        if (what != LOAN) (what == FACET ? &facet : &caretaker)->target = bw_use_inner.cap;
        return bw_lend(slot, BW_SLOT_SERVICE, rights, GATES + what) == 0 ? slot : 0;
    }
    const uint32_t brand = what >= OTHER_SEALER;
    const bool sealer = what == SEALER || what == OTHER_SEALER;
    return bw_cnode_mint(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, BW_SLOT_SERVICE, rights, sealer ? bw_sealer_badge(&seals, brand) : bw_unsealer_badge(&seals, brand)) == 0 ? slot : 0;
}

static uint32_t do_get(struct bw_request *r) {
    const bw_cptr cap = make(r->w[0]);
    if (cap == 0) return HOST_E_NO_CAPABILITY;
    bw_ipc()->caps[r->answer_caps++] = cap;
    return 0;
}

static uint32_t do_revoke(struct bw_request *r) {
    const uint64_t what = r->w[0];
    if (what == MEMBRANE) bw_membrane_revoke(&membrane);
    else if (!is_loan(what)) return HOST_E_BAD_REQUEST;
    else if (bw_take_back(SLOT_GIVEN + what, BW_SLOT_SERVICE, GATES + what) != 0) return HOST_E_NO_CAPABILITY;
    return 0;
}

static uint32_t do_pause(struct bw_request *r) {
    caretaker.paused = r->w[0] != 0;
    return 0;
}

static uint32_t do_counts(struct bw_request *r) {
    const struct bw_gate *gate = r->w[0] == FACET ? &facet : &caretaker;
    const bool is_membrane = r->w[0] == MEMBRANE;
    r->w[0] = is_membrane ? membrane.passed : gate->passed;
    r->w[1] = is_membrane ? membrane.refused : gate->refused;
    r->w[2] = membrane.wrapped;
    r->w[3] = membrane.unwrapped;
    r->answer_length = 4;
    return 0;
}

static uint32_t do_refused(struct bw_request *r) {
    r->w[0] = membrane.caps_refused;
    r->w[1] = membrane.signals;
    r->answer_length = 2;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {
        {.label = HOST_GET, .words = 1, .handle = do_get}, {.label = HOST_REVOKE, .words = 1, .handle = do_revoke}, {.label = HOST_PAUSE, .words = 1, .handle = do_pause},
        {.label = HOST_COUNTS, .words = 1, .handle = do_counts}, {.label = HOST_REFUSED, .handle = do_refused},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = HOST_E_BAD_REQUEST, .first = first, .notified = notified,
        .receive_first = SLOT_RECEIVED, .receive_count = BW_MAX_CAPS,
    };
    bw_serve(&service);
}
