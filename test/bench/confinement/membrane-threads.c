/* membrane-threads.c: a membrane before the server, with three threads of its own. */
#include "membrane.h"
#include <bailiwick/patterns/membrane.h>

BW_USE(server);
BW_USE(time);

enum { PLACES = 16, THREADS = 3, SLOT_ROOM = 128, SLOT_PLACES = 200 };

static struct bw_membrane_port ports[THREADS];
static struct bw_membrane_thread threads[THREADS];
static struct bw_membrane_place places[PLACES];
static struct bw_membrane membrane = {.badge_first = 1ULL << 31, .places = places, .count = PLACES, .slots = SLOT_PLACES, .each = PLACES / 2, .ports = ports, .port_count = THREADS};

static uint32_t do_get(struct bw_request *r) {
    const bw_cptr cap = bw_membrane_wrap(&membrane, BW_INNER, bw_use_server.cap);
    if (cap == 0) return REFUSED;
    bw_ipc()->caps[r->answer_caps++] = cap;
    return 0;
}

int main(void) {
    const struct bw_membrane_room room = {
        .untyped = BW_SLOT_UNTYPED, .control = bw_use_time.cap, .budget = 1000, .period = 1000, .priority = 100, .slots = SLOT_ROOM, .address = BW_THREAD_ADDRESSES, .threads = threads,
    };
    const bw_err error = bw_membrane_start(&membrane, &room);
    if (error != 0) {
        bw_log(bw_error_name(error));
        return 1;
    }
    static const struct bw_method methods[] = {{.label = GET, .words = 1, .handle = do_get}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = REFUSED};
    bw_serve(&service);
}
