/* forward.c: see forward.h. */
#include "forward.h"

#include "clock.h"
#include "ports.h"
#include "stations.h"
#include "uplinks.h"

_Static_assert((int)STATION_PLACES == (int)PLACES, "each place has its share");

/* 01:80:c2:00:00:00 .. 0f, between a station and its bridge (IEEE 802.1D, 7.12.6). */
#define RESERVED 0x0000c28001ULL

struct counts counts[PLACES][DIRECTIONS];
static uint32_t ports_used, uplinks_used;

void forward_begin(uint32_t ports, uint32_t uplinks) { ports_used = ports, uplinks_used = uplinks; }

static bool is_uplink(uint32_t place) { return place >= PORTS; }
static bool is_reserved(uint64_t mac) { return (mac & 0xffffffffffULL) == RESERVED && mac >> 40 < 16; }

/* The port with this address; NOWHERE. */
static int port_of(uint64_t mac) {
    for (uint32_t i = 0; i < ports_used; i++) if (port_mac(i) == mac) return (int)i;
    return NOWHERE;
}

/* Whether the frame may come from where it comes from. */
static enum verdict judge(uint32_t place, const uint8_t *frame, uint32_t bytes) {
    const uint64_t source = mac_of(frame + 6);
    if (is_group(source) || source == 0) return DROP_MAC;
    if (is_reserved(mac_of(frame))) return DROP_RESERVED;
    const int owner = port_of(source);
    if (owner != NOWHERE && (uint32_t)owner != place) return DROP_MAC;
    const enum verdict verdict = is_uplink(place) ? PASS : view_check(port_view(place), SEND, frame, bytes, port_mac(place));
    if (verdict != PASS) return verdict;
    return owner != NOWHERE || station_heard(source, place, clock_now()) ? PASS : DROP_MAC;
}

static bool is_isolated(uint32_t from, uint32_t to) { return !is_uplink(from) && !is_uplink(to) && (port_view(from)->isolated || port_view(to)->isolated); }

static enum verdict give(uint32_t to, const uint8_t *frame, uint32_t bytes) {
    if (is_uplink(to)) return uplink_send(to - PORTS, frame, bytes) ? PASS : DROP_ROOM;
    const enum verdict verdict = view_check(port_view(to), RECEIVE, frame, bytes, port_mac(to));
    if (verdict != PASS) return verdict;
    return port_deliver(to, frame, bytes) ? PASS : DROP_ROOM;
}

static void send(uint32_t to, const uint8_t *frame, uint32_t bytes) {
    const enum verdict verdict = give(to, frame, bytes);
    counts[to][RECEIVE].verdicts[verdict]++;
    if (verdict == PASS) counts[to][RECEIVE].frames++, counts[to][RECEIVE].bytes += bytes;
}

/* To all that may have it: of ports, for a station that is not known, those that stations may be behind. */
static void flood(uint32_t from, const uint8_t *frame, uint32_t bytes, bool group) {
    for (uint32_t to = 0; to < ports_used; to++) {
        if (to != from && port_is_open(to) && (group || port_view(to)->any_mac) && !is_isolated(from, to)) send(to, frame, bytes);
    }
    for (uint32_t i = 0; i < uplinks_used && !is_uplink(from); i++) if (uplink_is_there(i)) send(PORTS + i, frame, bytes);
}

static enum verdict forward_to_one(uint32_t from, uint32_t to, const uint8_t *frame, uint32_t bytes) {
    if (from == to || (is_uplink(from) && is_uplink(to))) return PASS;
    if (is_isolated(from, to)) return DROP_ISOLATED;
    if (is_uplink(to) ? uplink_is_there(to - PORTS) : port_is_open(to)) send(to, frame, bytes);
    return PASS;
}

void forward(uint32_t place, const uint8_t *frame, uint32_t bytes) {
    struct counts *c = &counts[place][SEND];
    const uint64_t to = mac_of(frame);
    c->frames++, c->bytes += bytes;
    enum verdict verdict = judge(place, frame, bytes);
    if (verdict == PASS) {
        const int port = port_of(to), known = is_group(to) ? NOWHERE : port != NOWHERE ? port : station_place(to, clock_now());
        if (known == NOWHERE) flood(place, frame, bytes, is_group(to));
        else verdict = forward_to_one(place, (uint32_t)known, frame, bytes);
    }
    c->verdicts[verdict]++;
}
