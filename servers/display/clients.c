/* clients.c: see clients.h. */
#include <bailiwick.h>
#include <bailiwick/display-protocol.h>
#include <bailiwick/input.h>

#include "clients.h"
#include "screen.h"

enum { EVENTS = 512 };

static struct client {
    /* Of its channel; 0: it has none. */
    uint64_t badge;
    uint64_t events;
    /* Events were lost, and it has not been told. */
    bool lost;
} table[WINDOWS_MOST];

static struct bw_accepted channels[WINDOWS_MOST];
static struct bw_acceptor acceptor = {.channels = channels, .count = WINDOWS_MOST, .pages = CLIENT_PAGES};

bw_err clients_init(bw_cptr received, bw_cptr slots, uint64_t address, uint64_t first_bit) {
    acceptor.received = received, acceptor.slots = slots, acceptor.address = address, acceptor.first_bit = first_bit;
    return bw_acceptor_init(&acceptor);
}

uint32_t client_of(uint64_t badge) {
    const uint64_t number = badge & 0xffff;
    return (badge & BW_BADGE_MINTED) != 0 || number == 0 || number > screen.windows.count ? NOBODY : (uint32_t)number - 1;
}

static void put(struct client *c, struct bw_accepted *to, uint16_t type, uint16_t code, int32_t value) {
    const struct bw_input_event event = {.type = type, .code = code, .value = value, .number = c->events + 1};
    if (bw_try_put(&to->out, &event) == BW_RING_DONE) c->events++;
    else c->lost = true;
}

/* D1, D5 */
void client_tell(uint32_t number, uint16_t type, uint16_t code, int32_t value) {
    struct client *c = &table[number];
    struct bw_accepted *to = bw_accepted_of(&acceptor, c->badge);
    if (to == NULL || !to->has_out) return;
    if (c->lost) {
        if (bw_sendable(&to->out) < 4) return;
        c->lost = false;
        put(c, to, BW_EVENT_SYN, BW_EVENT_DROPPED, 0);
        put(c, to, BW_EVENT_FOCUS, 0, windows_focused(&screen.windows) == number);
        put(c, to, BW_EVENT_SYN, BW_EVENT_REPORT, 0);
    }
    put(c, to, type, code, value);
    bw_announce(&to->out);
}

void client_lost(uint32_t number) {
    table[number].lost = true;
    client_tell(number, BW_EVENT_SYN, BW_EVENT_REPORT, 0);
}

uint32_t do_open(struct bw_request *r) {
    const uint32_t number = client_of(r->badge);
    if (number == NOBODY || r->w[0] != 0 || r->w[1] != 0 || r->w[3] != sizeof(struct bw_input_event) || r->w[2] > EVENTS) return DISPLAY_E_BAD_REQUEST;
    const uint32_t refusal = bw_accept(&acceptor, r);
    if (refusal != 0) return refusal;
    table[number] = (struct client){.badge = r->badge};
    client_tell(number, BW_EVENT_FOCUS, 0, windows_focused(&screen.windows) == number);
    client_tell(number, BW_EVENT_SYN, BW_EVENT_REPORT, 0);
    return 0;
}

uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }
