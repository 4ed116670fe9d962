/*
 * The switch: frames between its ports, each a capability with rules and a client of its own, and at most two uplinks. Protocols: NicDriver of a port (servers/nic), SwitchPort and Switch
 * (protocol.ts); rules and limits: README.md. Files: forward.h says where a frame goes, rules.h whether it may.
 */
#include <bailiwick.h>
#include <bailiwick/lent.h>
#include <bailiwick/nicdriver.h>
#include <bailiwick/switch-protocol.h>
#include <bailiwick/switchport.h>

#include "clock.h"
#include "forward.h"
#include "ports.h"
#include "stations.h"
#include "uplinks.h"

BW_USE(time);

/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_MINTED, SLOT_ALARM, SLOT_LENT, SLOT_UPLINKS = SLOT_LENT + BW_LENT_SLOTS, SLOT_PORTS = SLOT_UPLINKS + UPLINKS_SLOTS };
_Static_assert(SLOT_PORTS + 3 * BW_NIC_PORT_SLOTS <= 256 && SLOT_PORTS + PORTS * BW_NIC_PORT_SLOTS <= 512, "all slots are there, as begin() says");
/* All ports' channels, then uplinks, then windows of the ports' clients. */
#define PORTS_ADDRESS BW_ADDRESS_OWN
#define UPLINKS_ADDRESS (PORTS_ADDRESS + BW_NIC_WINDOW)
#define WINDOWS_ADDRESS (UPLINKS_ADDRESS + UPLINKS_BYTES)
_Static_assert(WINDOWS_ADDRESS + PORTS_WINDOWS_BYTES <= BW_ADDRESS_OWN + (512ULL << 20), "all addresses are there");
#define FIRST_PORT_BIT (1ULL << 39)
#define FIRST_UPLINK_BIT (1ULL << 51)
#define ALARM_BIT (1ULL << 38)
_Static_assert(FIRST_PORT_BIT << PORTS <= FIRST_UPLINK_BIT, "each rings its own bit");

static uint32_t ports;

/* As much as one turn may do is bounded for each place, and each begins in its turn: a flood at one is the others' delay, and never more than that. */
static bool turn(void) {
    static uint32_t first;
    bool more = false;
    clock_is_stale();
    first = (first + 1) % ports;
    for (uint32_t i = 0; i < uplinks(); i++) more = uplink_turn(i) || more;
    for (uint32_t i = 0; i < ports; i++) more = port_turn((first + i) % ports) || more;
    /* At the end: to those that had their turn before, too, something may have been sent. */
    for (uint32_t i = 0; i < ports; i++) more = !port_sleeps(i) || more;
    for (uint32_t i = 0; i < uplinks(); i++) more = !uplink_sleeps(i) || more;
    return more;
}

static void notified(uint64_t bits) {
    if ((bits & ALARM_BIT) != 0) clock_rang();
}

/* Requests to ports. */

static uint32_t do_info(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    if (view == NULL) return NIC_DRIVER_E_NO_NETWORK;
    r->w[0] = port_mac(view->port);
    r->w[1] = uplinks_mtu();
    r->w[2] = uplinks_up();
    r->answer_length = 3;
    return 0;
}

static uint32_t do_window(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    return view == NULL ? (uint32_t)NIC_DRIVER_E_NO_NETWORK : bw_nic_port_window(port_nic(view->port), r);
}

static uint32_t do_open(struct bw_request *r) {
    struct view *view = view_of(r->badge);
    if (view == NULL) return NIC_DRIVER_E_NO_NETWORK;
    const uint32_t refusal = bw_nic_port_open(port_nic(view->port), r);
    if (refusal == 0) view_used(view, r->badge), port_opened(view->port, view);
    return refusal;
}

static uint32_t do_memory(struct bw_request *r) {
    const struct view *view = view_of(r->badge);
    return view == NULL ? (uint32_t)NIC_DRIVER_E_NO_NETWORK : bw_nic_port_memory(port_nic(view->port), r);
}

static uint32_t do_restrict(struct bw_request *r) {
    static struct policy policy;
    struct view *above = view_of(r->badge);
    const uint64_t count = r->w[0];
    const char *text = (const char *)bw_request_bytes(r, 1, count);
    if (above == NULL) return SWITCH_PORT_E_CLOSED;
    if (text == NULL) return SWITCH_PORT_E_BAD_REQUEST;
    policy = (struct policy){0};
    for (uint64_t from = 0, to = 0; from < count; from = to + 1) {
        for (to = from; to < count && text[to] != '\n'; to++) {}
        if (!policy_add(&policy, text + from, to - from)) return SWITCH_PORT_E_BAD_REQUEST;
    }
    const uint64_t badge = view_make(above, r->badge, &policy);
    if (badge == 0) return SWITCH_PORT_E_FULL;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY, badge) != 0) {
        (void)view_close(view_of(badge));
        return SWITCH_PORT_E_FULL;
    }
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    return 0;
}

static uint32_t do_close(struct bw_request *r) {
    struct view *view = view_of(r->badge);
    if (view == NULL) return SWITCH_PORT_E_CLOSED;
    if (view->above == NULL) return SWITCH_PORT_E_WRONG_KIND;
    port_closed(view->port, view);
    (void)view_close(view);
    return 0;
}

/* Requests of monitors. */

/* The place with this number; false: there is none. */
static bool find_place(uint64_t number, uint32_t *place) {
    if (number >= ports + uplinks()) return false;
    *place = number < ports ? (uint32_t)number : PORTS + (uint32_t)number - ports;
    return true;
}

static uint32_t monitor_info(struct bw_request *r) {
    r->w[0] = ports, r->w[1] = uplinks();
    r->answer_length = 2;
    return 0;
}

static uint32_t monitor_port(struct bw_request *r) {
    static const char *const uplink_names[UPLINKS] = {"uplink", "uplink2"};
    uint32_t place = 0;
    if (!find_place(r->w[0], &place)) return SWITCH_E_BAD_REQUEST;
    const bool uplink = place >= PORTS;
    const char *name = uplink ? uplink_names[place - PORTS] : view_name(place);
    const size_t count = strlen(name);
    r->w[0] = uplink ? uplink_mac(place - PORTS) : port_mac(place);
    r->w[1] = uplink ? 6U | uplink_is_there(place - PORTS) : (port_view(place)->any_mac ? 4U : 0) | port_is_open(place);
    r->w[2] = stations_of(place, clock_now());
    r->w[3] = count;
    memcpy(bw_answer_room(4), name, count);
    bw_answer_bytes(r, 4, count);
    return 0;
}

static uint32_t monitor_counters(struct bw_request *r) {
    enum { REASONS = VERDICTS - 1, WORDS = 5 };
    uint32_t place = 0;
    if (!find_place(r->w[0], &place)) return SWITCH_E_BAD_REQUEST;
    const struct counts *c = counts[place];
    r->w[0] = c[SEND].frames, r->w[1] = c[SEND].bytes, r->w[2] = c[RECEIVE].frames, r->w[3] = c[RECEIVE].bytes;
    bw_ipc()->words[4] = DIRECTIONS * sizeof(uint64_t[REASONS]);
    for (uint32_t d = 0; d < DIRECTIONS; d++) memcpy(bw_answer_room(WORDS + d * REASONS), &c[d].verdicts[PASS + 1], sizeof(uint64_t[REASONS]));
    bw_answer_bytes(r, WORDS, DIRECTIONS * sizeof(uint64_t[REASONS]));
    return 0;
}

/* A monitor's requests have labels that are a port's too. */
static uint32_t first(struct bw_request *r) {
    if (!is_monitor(r->badge)) return BW_NOT_MINE;
    switch (r->label) {
    case SWITCH_INFO: return monitor_info(r);
    case SWITCH_PORT: return r->length < 1 ? (uint32_t)SWITCH_E_BAD_REQUEST : monitor_port(r);
    case SWITCH_COUNTERS: return r->length < 1 ? (uint32_t)SWITCH_E_BAD_REQUEST : monitor_counters(r);
    default: return SWITCH_E_WRONG_KIND;
    }
}

/* What the ports' addresses follow from: a card's address is drawn at each start of the machine; without one, the net is this machine's alone. */
static uint64_t seed(void) {
    uint64_t seed = 0xcbf29ce484222325;
    for (const char *c = bw_name(); *c != 0; c++) seed = (seed ^ (uint8_t)*c) * 0x100000001b3;
    for (uint32_t i = 0; i < uplinks(); i++) seed = (seed ^ uplink_mac(i)) * 0x100000001b3;
    return seed;
}

static const char *begin(void) {
    const struct bw_lent_room lent = {.slots = SLOT_LENT, .thread_address = BW_THREAD_ADDRESSES, .time = bw_use_time.cap, .from = WINDOWS_ADDRESS, .to = WINDOWS_ADDRESS + PORTS_WINDOWS_BYTES};
    const struct ports_room room = {.slots = SLOT_PORTS, .received = SLOT_RECEIVED, .address = PORTS_ADDRESS, .windows = WINDOWS_ADDRESS, .first_bit = FIRST_PORT_BIT};
    const char *wrong = views_begin(&ports);
    if (wrong != NULL) return wrong;
    if (SLOT_PORTS + ports * BW_NIC_PORT_SLOTS > bw_slots()) return "more than three ports take more slots: `slots: 512` of the component";
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_ALARM, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, ALARM_BIT) != 0 || !clock_begin(SLOT_ALARM)) return "there is no timer";
    if (bw_lent_begin(&lent) != 0) return "the server's memory, or `time: platform.cpu.time`, does not suffice for its keeper";
    /* Ports first: they take little, and what lies between a window of 2 MiB and what was made before it is lost. */
    const bw_err error = ports_begin(ports, &room);
    if (error != 0) return error == BW_ERR_NOT_ENOUGH_MEMORY ? "the server's memory does not suffice for its ports' channels" : bw_error_name(error);
    wrong = uplinks_begin(SLOT_UPLINKS, UPLINKS_ADDRESS, FIRST_UPLINK_BIT);
    if (wrong != NULL) return wrong;
    ports_draw(seed());
    forward_begin(ports, uplinks());
    /* What an uplink brought meanwhile is the loop's first turn. */
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, FIRST_UPLINK_BIT) == 0) (void)bw_signal(SLOT_MINTED);
    return NULL;
}

int main(void) {
    const char *wrong = begin();
    if (wrong != NULL) {
        bw_log(wrong);
        return 1;
    }
    static const struct bw_method methods[] = {
        {.label = NIC_DRIVER_INFO, .words = 0, .handle = do_info},         {.label = NIC_DRIVER_WINDOW, .words = 1, .handle = do_window}, {.label = NIC_DRIVER_OPEN, .words = 4, .handle = do_open},
        {.label = NIC_DRIVER_MEMORY, .words = 1, .handle = do_memory},     {.label = SWITCH_PORT_RESTRICT, .words = 1, .handle = do_restrict}, {.label = SWITCH_PORT_CLOSE, .words = 0, .handle = do_close},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = NIC_DRIVER_E_BAD_REQUEST, .first = first, .notified = notified, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
