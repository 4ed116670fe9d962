/* threads.c: the owner of protocol.ts with a membrane that has threads of its own. */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>
#include <bailiwick/patterns/membrane.h>

#include "protocol.h"

BW_USE(inner);
BW_USE(time);

enum { PLACES = 16, EACH = 8, MOST = 4 };
enum { SLOT_ROOM = 128, SLOT_PLACES = 200 };
_Static_assert(SLOT_ROOM + BW_MEMBRANE_SHARED_SLOTS + MOST * BW_MEMBRANE_THREAD_SLOTS <= SLOT_PLACES, "room for the threads");

static struct bw_membrane_port ports[MOST];
static struct bw_membrane_thread threads[MOST];
static struct bw_membrane_place places[PLACES];
static struct bw_membrane membrane = {
    .badge_first = 1ULL << 31, .places = places, .count = PLACES, .slots = SLOT_PLACES, .each = EACH, .ports = ports, .notification = BW_SLOT_NOTIFICATION, .bit_first = 40, .bits = 8,
};

static void notified(uint64_t bits) { bw_membrane_notified(&membrane, bits); }

static uint32_t do_get(struct bw_request *r) {
    const bw_cptr cap = bw_membrane_wrap(&membrane, BW_INNER, bw_use_inner.cap);
    if (r->w[0] != 0 || cap == 0) return HOST_E_NO_CAPABILITY;
    bw_ipc()->caps[r->answer_caps++] = cap;
    return 0;
}

static uint32_t do_revoke(struct bw_request *r) {
    (void)r;
    bw_membrane_revoke(&membrane);
    return 0;
}

static uint32_t do_counts(struct bw_request *r) {
    r->w[0] = membrane.passed;
    r->w[1] = membrane.refused;
    r->w[2] = membrane.wrapped;
    r->w[3] = membrane.unwrapped;
    r->answer_length = 4;
    return 0;
}

int main(void) {
    const uint64_t count = bw_arg_number("threads", 3);
    if (count < 2 || count > MOST) return 2;
    membrane.port_count = (uint32_t)count;
    const struct bw_membrane_room room = {
        .untyped = BW_SLOT_UNTYPED, .control = bw_use_time.cap, .budget = 1000, .period = 10000, .priority = 100, .slots = SLOT_ROOM, .address = BW_THREAD_ADDRESSES, .threads = threads,
    };
    const bw_err error = bw_membrane_start(&membrane, &room);
    if (error != 0) {
        bw_log(bw_error_name(error));
        return 1;
    }
    static const struct bw_method methods[] = {
        {.label = HOST_GET, .words = 1, .handle = do_get}, {.label = HOST_REVOKE, .words = 1, .handle = do_revoke}, {.label = HOST_COUNTS, .words = 1, .handle = do_counts},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = HOST_E_BAD_REQUEST, .notified = notified};
    bw_serve(&service);
}
