/*
 * The network server: a TCP/IP stack over a network device's driver, and what may be done with it as capabilities. Protocol: protocol.ts; limits and behaviour: README.md.
 *
 * Invariants
 *   M1  A request does what the rules behind its badge allow, or what belongs to the socket that it names: there is no other way to the stack.
 *   M2  All work that a request or a signal has caused is done, and told to the driver, before the server waits.
 */
#include <bailiwick.h>
#include <bailiwick/net-protocol.h>

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

#include "calls.h"
#include "clock.h"
#include "datagrams.h"
#include "flow.h"
#include "random.h"
#include "stream.h"
#include "wire.h"

BW_USE(nic);

enum { SLOT_RECEIVED = 128, SLOT_MINTED, SLOT_ALARM, SLOT_AGAIN, SLOT_BELLS, SLOT_CALLS = SLOT_BELLS + LIMIT_CLIENTS, SLOT_WIRE = SLOT_CALLS + CALLS };
_Static_assert(SLOT_WIRE + BW_NIC_SLOTS <= 256, "all slots are there");
#define ALARM_BIT (1ULL << 45)
#define NIC_BIT (1ULL << 52)
enum { FRAMES_A_TURN = 32, FRAMES_A_REQUEST = 8, SECOND_MS = 1000, CONNECT_MS = 15000, RESOLVE_MS = 5000, PING_MS = 5000, MOST_MS = 3600000 };

static struct bw_service service;
static struct answer answer;
static struct call call;

/* Whoever waits for a bell has it: clients, and the driver. */
static void ring_bells(void) {
    for (uint32_t i = 0; i < LIMIT_CLIENTS; i++) {
        if (clients[i].ring && clients[i].has_bell) (void)bw_signal(SLOT_BELLS + i);
        clients[i].ring = false;
    }
    wire_announce();
}

/* M2. */
static void finish_work(void) {
    if (wire_is_gone()) {
        bw_log("the network device's driver has ended");
        bw_exit(1);
    }
    sys_check_timeouts();
    stream_flush_due();
    uint64_t next = calls_attempt();
    if (stream_due() < next) next = stream_due();
    ring_bells();
    const uint32_t sleep = sys_timeouts_sleeptime();
    const uint64_t timeout = sleep == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? UINT64_MAX : clock_now() + (sleep == 0 ? 1 : sleep) * NS_PER_MS;
    clock_wake(timeout < next ? timeout : next);
}

/*
 * Takes up to `most` of the frames that have come, with those that come meanwhile: a driver of higher priority has sent what it was told of, and brought what the other side
 * answered at once, before it gives the processor back, so nobody rings. True: there may be more; false: the driver rings when there are.
 */
static bool take_frames(uint32_t most) {
    for (uint32_t taken; most > 0 && (taken = wire_take(most)) > 0; most -= taken) finish_work();
    return !wire_sleeps();
}

static bool turn(void) {
    wire_wakes();
    const bool had_frames = wire_take(1) > 0;
    finish_work();
    return take_frames(FRAMES_A_TURN - had_frames);
}

static void notified(uint64_t bits) {
    clock_is_stale();
    if ((bits & ALARM_BIT) == 0) return;
    clock_rang();
    flow_goes_on();
}

/* Once a second: places of what has ended. */
static void tend(void *argument) {
    (void)argument;
    stream_sweep();
    for (uint32_t i = 0; i < LIMIT_CLIENTS; i++) {
        uint32_t kind = BW_KIND_NULL, rights = 0;
        if (!clients[i].has_bell || (bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_BELLS + i, &kind, &rights) == 0 && kind == BW_KIND_NOTIFICATION)) continue;
        clients[i].has_bell = false;
        drop_client(i);
    }
    sys_timeout(SECOND_MS, tend, NULL);
}

static uint64_t deadline_after(uint64_t ms, uint64_t usual) {
    if (ms == UINT64_MAX) return clock_now();
    const uint64_t chosen = ms == 0 ? usual : ms < MOST_MS ? ms : MOST_MS;
    return chosen == 0 ? 0 : clock_now() + chosen * NS_PER_MS;
}

static bool is_port(uint64_t port) { return port >= 1 && port <= UINT16_MAX; }

/* Copies the byte string after `words` words, of at most `most`. */
static bool take_bytes(struct bw_request *r, uint32_t words, uint64_t count, void *bytes, uint64_t most) {
    const uint8_t *found = count > most ? NULL : bw_request_bytes(r, words, count);
    if (found == NULL) return false;
    memcpy(bytes, found, count);
    return true;
}

/* Requests of views. */

static uint32_t do_info(struct bw_request *r) {
    uint32_t client = 0;
    if (rules_of(r->badge, &client) == NULL) return NET_E_WRONG_KIND;
    const struct netif *n = netif_default;
    const bool has_address = !ip4_addr_isany_val(*netif_ip4_addr(n));
    answer.w[0] = lwip_ntohl(ip4_addr_get_u32(netif_ip4_addr(n))), answer.w[1] = lwip_ntohl(ip4_addr_get_u32(netif_ip4_netmask(n))), answer.w[2] = lwip_ntohl(ip4_addr_get_u32(netif_ip4_gw(n)));
    answer.w[3] = (netif_is_link_up(n) ? 1U : 0) | (has_address ? 2U : 0), answer.w[4] = wire_mac();
    answer.length = 5;
    return 0;
}

static uint32_t do_connect(struct bw_request *r) {
    static char text[LIMIT_NAME + 1], name[LIMIT_NAME + 1];
    uint32_t client = 0, address = 0;
    const struct rules *rules = rules_of(r->badge, &client);
    const uint64_t port = r->w[0], count = r->w[2];
    if (rules == NULL) return NET_E_WRONG_KIND;
    const enum host_kind kind = is_port(port) && take_bytes(r, 3, count, text, LIMIT_NAME) ? host_of(text, count, &address, name) : HOST_NONE;
    if (kind == HOST_NONE) return NET_E_BAD_REQUEST;
    if (kind == HOST_ADDRESS ? !rules_allow_address(rules, RULE_CONNECT, address, (uint16_t)port) : !rules_allow_name(rules, RULE_CONNECT, name, (uint16_t)port)) return NET_E_NOT_ALLOWED;
    struct socket *s = stream_take(client, SOCKET_DIALLING);
    if (s == NULL) return NET_E_FULL;
    s->flow = flow_of(r->badge);
    struct lookup *lookup = NULL;
    const uint32_t refusal = kind == HOST_NAME ? lookup_begin(client, name, &lookup) : stream_connect(s, address, (uint16_t)port);
    if (refusal != 0) {
        free_socket(s);
        return refusal;
    }
    call.kind = CALL_CONNECT, call.client = client, call.socket = s, call.times = s->times, call.lookup = lookup, call.address = address, call.port = (uint16_t)port;
    call.deadline = deadline_after(r->w[1], CONNECT_MS);
    return call_now(&call, &service, &answer);
}

static uint32_t do_listen(struct bw_request *r) {
    uint32_t client = 0;
    const struct rules *rules = rules_of(r->badge, &client);
    if (rules == NULL) return NET_E_WRONG_KIND;
    if (!is_port(r->w[0]) || r->w[1] < 1 || r->w[1] > LIMIT_BACKLOG) return NET_E_BAD_REQUEST;
    if (!rules_allow_port(rules, RULE_LISTEN, (uint16_t)r->w[0])) return NET_E_NOT_ALLOWED;
    struct socket *s = stream_take(client, SOCKET_LISTENING);
    if (s == NULL) return NET_E_FULL;
    s->flow = flow_of(r->badge);
    const uint32_t refusal = stream_listen(s, (uint16_t)r->w[0], (uint32_t)r->w[1]);
    if (refusal != 0) free_socket(s);
    else answer.badge = badge_of_socket(s), answer.made = s;
    return refusal;
}

static uint32_t do_udp(struct bw_request *r) {
    uint32_t client = 0;
    uint16_t bound = 0;
    const struct rules *rules = rules_of(r->badge, &client);
    if (rules == NULL) return NET_E_WRONG_KIND;
    if (r->w[0] != 0 && !is_port(r->w[0])) return NET_E_BAD_REQUEST;
    struct socket *s = stream_take(client, SOCKET_DATAGRAMS);
    if (s == NULL) return NET_E_FULL;
    s->flow = flow_of(r->badge);
    const uint32_t refusal = datagrams_begin(s, rules, (uint16_t)r->w[0], &bound);
    if (refusal != 0) free_socket(s);
    else answer.badge = badge_of_socket(s), answer.made = s;
    answer.w[0] = bound;
    answer.length = 1;
    return refusal;
}

static uint32_t do_resolve(struct bw_request *r) {
    static char text[LIMIT_NAME + 1], name[LIMIT_NAME + 1];
    uint32_t client = 0, address = 0;
    const struct rules *rules = rules_of(r->badge, &client);
    if (rules == NULL) return NET_E_WRONG_KIND;
    if (!take_bytes(r, 2, r->w[1], text, LIMIT_NAME) || host_of(text, r->w[1], &address, name) != HOST_NAME) return NET_E_BAD_REQUEST;
    if (!rules_allow_name(rules, RULE_CONNECT, name, 0) && !rules_allow_name(rules, RULE_PING, name, 0)) return NET_E_NOT_ALLOWED;
    struct lookup *lookup = NULL;
    const uint32_t refusal = lookup_begin(client, name, &lookup);
    if (refusal != 0) return refusal;
    call.kind = CALL_RESOLVE, call.client = client, call.lookup = lookup, call.deadline = deadline_after(r->w[0], RESOLVE_MS);
    return call_now(&call, &service, &answer);
}

static uint32_t do_ping(struct bw_request *r) {
    static char text[LIMIT_NAME + 1], name[LIMIT_NAME + 1];
    uint32_t client = 0, address = 0;
    const struct rules *rules = rules_of(r->badge, &client);
    if (rules == NULL) return NET_E_WRONG_KIND;
    const enum host_kind kind = take_bytes(r, 3, r->w[2], text, LIMIT_NAME) ? host_of(text, r->w[2], &address, name) : HOST_NONE;
    if (kind == HOST_NONE) return NET_E_BAD_REQUEST;
    if (kind == HOST_ADDRESS ? !rules_allow_address(rules, RULE_PING, address, 0) : !rules_allow_name(rules, RULE_PING, name, 0)) return NET_E_NOT_ALLOWED;
    if (r->w[1] > LIMIT_PING) return NET_E_TOO_LARGE;
    if (!flow_passes(flow_of(r->badge), client, (uint32_t)r->w[1])) return NET_E_FULL;
    call.kind = CALL_PING, call.client = client, call.deadline = deadline_after(r->w[0], PING_MS), call.ping = ping_take(client, (uint32_t)r->w[1]);
    if (call.ping == NULL) return NET_E_FULL;
    const uint32_t refusal = kind == HOST_NAME ? lookup_begin(client, name, &call.lookup) : 0;
    if (refusal != 0) {
        ping_forget(call.ping);
        return refusal;
    }
    if (kind == HOST_ADDRESS) ping_send(call.ping, address);
    return call_now(&call, &service, &answer);
}

static uint32_t do_restrict(struct bw_request *r) {
    static struct rules made;
    static char text[LIMIT_PIECE];
    uint32_t client = 0;
    const struct rules *rules = rules_of(r->badge, &client);
    const uint64_t count = r->w[0];
    if (rules == NULL) return NET_E_WRONG_KIND;
    if (!take_bytes(r, 1, count, text, sizeof text)) return NET_E_BAD_REQUEST;
    made.count = 0;
    for (uint64_t from = 0, to = 0; from < count; from = to + 1) {
        for (to = from; to < count && text[to] != '\n'; to++) {}
        if (!rules_add(&made, text + from, to - from)) return NET_E_BAD_REQUEST;
    }
    if (!rules_within(rules, &made)) return NET_E_NOT_ALLOWED;
    answer.badge = make_view(client, r->badge, &made);
    return answer.badge == 0 ? NET_E_FULL : 0;
}

static uint32_t do_watch(struct bw_request *r) {
    uint32_t client = 0, kind = BW_KIND_NULL, rights = 0;
    /* Only who has a capability of the manifest speaks for the client. */
    if ((r->badge & BW_BADGE_MINTED) != 0 || rules_of(r->badge, &client) == NULL) return NET_E_WRONG_KIND;
    if (r->caps != 1 || r->unwrapped != 0 || bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &kind, &rights) != 0 || kind != BW_KIND_NOTIFICATION || (rights & BW_RIGHT_WRITE) == 0) return NET_E_NO_CAPABILITY;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BELLS + client);
    clients[client].has_bell = bw_cnode_move(BW_SLOT_CNODE, SLOT_BELLS + client, BW_SLOT_CNODE, SLOT_RECEIVED) == 0;
    clients[client].ring = true;
    return clients[client].has_bell ? 0 : NET_E_NO_CAPABILITY;
}

/* Requests of sockets. */

/* 0, or a refusal. */
static uint32_t find(const struct bw_request *r, enum call_kind kind, enum socket_state state) {
    uint32_t client = 0;
    struct socket *s = socket_of(r->badge);
    if (s == NULL) return rules_of(r->badge, &client) == NULL ? NET_E_CLOSED : NET_E_WRONG_KIND;
    if (s->state != state) return NET_E_WRONG_KIND;
    call.kind = kind, call.client = s->client, call.socket = s, call.times = s->times;
    return 0;
}

/* at_once: it will not have to wait, so what time it is does not matter. */
static uint32_t call_within(uint64_t ms, bool at_once) {
    if (!at_once) clock_is_stale();
    call.deadline = deadline_after(ms, 0);
    return call_now(&call, &service, &answer);
}

static uint32_t do_accept(struct bw_request *r) {
    const uint32_t refusal = find(r, CALL_ACCEPT, SOCKET_LISTENING);
    return refusal != 0 ? refusal : call_within(r->w[0], false);
}

static uint32_t do_send(struct bw_request *r) {
    const uint32_t refusal = find(r, CALL_SEND, SOCKET_CONNECTED);
    if (refusal != 0) return refusal;
    if (!take_bytes(r, 2, r->w[1], call.bytes, LIMIT_PIECE)) return NET_E_BAD_REQUEST;
    call.count = (uint32_t)r->w[1];
    return call_within(r->w[0], stream_room(call.socket) > 0 && call.socket->flow == NULL);
}

static uint32_t do_receive(struct bw_request *r) {
    const uint32_t refusal = find(r, CALL_RECEIVE, SOCKET_CONNECTED);
    if (refusal != 0) return refusal;
    stream_flush(call.socket);
    call.count = r->w[1] < LIMIT_PIECE ? (uint32_t)r->w[1] : LIMIT_PIECE;
    return call_within(r->w[0], call.socket->count > 0 && call.socket->flow == NULL);
}

static uint32_t do_receive_from(struct bw_request *r) {
    const uint32_t refusal = find(r, CALL_RECEIVE_FROM, SOCKET_DATAGRAMS);
    return refusal != 0 ? refusal : call_within(r->w[0], call.socket->count > 0 && call.socket->flow == NULL);
}

static uint32_t do_shutdown(struct bw_request *r) {
    const uint32_t refusal = find(r, CALL_SEND, SOCKET_CONNECTED);
    return refusal != 0 ? refusal : stream_shutdown(call.socket);
}

static uint32_t do_send_to(struct bw_request *r) {
    static uint8_t bytes[LIMIT_PIECE];
    uint32_t refusal = find(r, CALL_SEND_TO, SOCKET_DATAGRAMS);
    if (refusal != 0) return refusal;
    if (r->w[0] > UINT32_MAX || !is_port(r->w[1]) || r->w[2] > 1 || !take_bytes(r, 4, r->w[3], bytes, sizeof bytes)) return NET_E_BAD_REQUEST;
    const bool limited = call.socket->flow != NULL;
    /* The one that waits must not become another. */
    if (limited && call_waits(&call)) return NET_E_BUSY;
    refusal = datagrams_add(call.socket, bytes, (uint32_t)r->w[3]);
    if (refusal != 0 || r->w[2] == 1) return refusal;
    call.address = (uint32_t)r->w[0], call.port = (uint16_t)r->w[1];
    return limited ? call_within(0, false) : datagrams_send(call.socket, call.address, call.port);
}

static uint32_t do_name(struct bw_request *r) {
    const struct socket *s = socket_of(r->badge);
    if (s == NULL) return NET_E_CLOSED;
    answer.w[2] = lwip_ntohl(ip4_addr_get_u32(netif_ip4_addr(netif_default)));
    if (s->udp != NULL) answer.w[3] = s->udp->local_port;
    if (s->tcp != NULL) answer.w[3] = s->tcp->local_port;
    if (s->tcp != NULL && s->state == SOCKET_CONNECTED) answer.w[0] = lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(&s->tcp->remote_ip))), answer.w[1] = s->tcp->remote_port;
    answer.length = 4;
    return 0;
}

static uint32_t do_close(struct bw_request *r) {
    if (close_view(r->badge)) return 0;
    struct socket *s = socket_of(r->badge);
    if (s == NULL) return (r->badge & BW_BADGE_MINTED) != 0 ? NET_E_CLOSED : NET_E_WRONG_KIND;
    close_socket(s);
    return 0;
}

/* What comes most often is looked for first. */
static const struct bw_method methods[] = {
    {.label = NET_SEND, .words = 2, .handle = do_send},         {.label = NET_RECEIVE, .words = 2, .handle = do_receive},
    {.label = NET_SEND_TO, .words = 4, .handle = do_send_to},   {.label = NET_RECEIVE_FROM, .words = 1, .handle = do_receive_from},
    {.label = NET_INFO, .words = 0, .handle = do_info},         {.label = NET_CONNECT, .words = 3, .handle = do_connect},
    {.label = NET_LISTEN, .words = 2, .handle = do_listen},     {.label = NET_UDP, .words = 1, .handle = do_udp},
    {.label = NET_RESOLVE, .words = 2, .handle = do_resolve},   {.label = NET_RESTRICT, .words = 1, .handle = do_restrict},
    {.label = NET_WATCH, .words = 0, .handle = do_watch},       {.label = NET_ACCEPT, .words = 1, .handle = do_accept},
    {.label = NET_SHUTDOWN, .words = 0, .handle = do_shutdown}, {.label = NET_CLOSE, .words = 0, .handle = do_close},
    {.label = NET_NAME, .words = 0, .handle = do_name},         {.label = NET_PING, .words = 3, .handle = do_ping},
};

static uint32_t handle(struct bw_request *r) {
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (methods[i].label == r->label) return r->length < methods[i].words ? (uint32_t)NET_E_BAD_REQUEST : methods[i].handle(r);
    }
    return NET_E_BAD_REQUEST;
}

/* What only moves bytes that are there: no time passes for it, and nobody else's call has come further by it. */
static bool is_transfer(uint32_t label) { return label == NET_SEND || label == NET_RECEIVE || label == NET_SEND_TO || label == NET_RECEIVE_FROM; }

/* Every request: the answer is written last, since the work that it causes makes system calls of its own. */
static uint32_t serve(struct bw_request *r) {
    const uint32_t request = r->label;
    wire_wakes();
    if (!is_transfer(request)) clock_is_stale();
    answer.length = answer.count = 0, answer.badge = 0, answer.made = NULL;
    memset(answer.w, 0, sizeof answer.w);
    memset(&call, 0, offsetof(struct call, bytes));
    const uint32_t label = handle(r);
    if (!is_transfer(request) || label == BW_LATER) finish_work();
    else {
        ring_bells();
        clock_wake(stream_due());
    }
    if (take_frames(FRAMES_A_REQUEST)) (void)bw_signal(SLOT_AGAIN);
    if (label == BW_LATER) return label;
    const uint64_t info = write_answer(label, &answer), *words = bw_ipc()->words;
    for (uint32_t i = 0; i < BW_REGISTER_WORDS; i++) r->w[i] = words[i];
    r->answer_length = (uint32_t)info & BW_INFO_LENGTH_MASK;
    r->answer_caps = (uint32_t)(info >> BW_INFO_CAPS_SHIFT) & BW_INFO_CAPS_MASK;
    return (uint32_t)(info >> BW_INFO_LABEL_SHIFT) & BW_INFO_LABEL_MASK;
}

static bool read_address(const char *name, ip4_addr_t *address, uint32_t *bits) {
    const char *text = bw_arg(name);
    uint32_t value = 0;
    char unused[LIMIT_NAME + 1];
    size_t count = 0;
    if (text == NULL) return true;
    while (text[count] != 0 && text[count] != '/') count++;
    if (bits != NULL) *bits = text[count] == '/' ? (uint32_t)bw_number(text + count + 1, 33) : 24;
    ip4_addr_set_u32(address, 0);
    if ((bits == NULL && text[count] != 0) || (bits != NULL && (*bits < 1 || *bits > 30)) || host_of(text, count, &value, unused) != HOST_ADDRESS) return false;
    ip4_addr_set_u32(address, lwip_htonl(value));
    return true;
}

/* There is another address, or none: whoever waits for one looks again. */
static void on_address(struct netif *netif) {
    (void)netif;
    for (uint32_t i = 0; i < LIMIT_CLIENTS; i++) clients[i].ring = true;
}

/* The address as the manifest says, or asked of the net. NULL, or what is wrong. */
static const char *set_up_address(void) {
    ip4_addr_t address = {0}, mask = {0}, gateway = {0}, dns = {0};
    uint32_t bits = 24;
    if (!read_address("address", &address, &bits)) return "'address' of the arguments is none: as in 10.0.2.15/24";
    if (!read_address("gateway", &gateway, NULL) || !read_address("dns", &dns, NULL)) return "'gateway' or 'dns' of the arguments is no address: as in 10.0.2.2";
    if (ip4_addr_get_u32(&dns) != 0) {
        const ip_addr_t server = dns;
        dns_setserver(0, &server);
    }
    if (bw_arg("address") == NULL) return dhcp_start(netif_default) == ERR_OK ? NULL : "the address cannot be asked for";
    ip4_addr_set_u32(&mask, lwip_htonl(UINT32_MAX << (32 - bits)));
    netif_set_addr(netif_default, &address, &mask, &gateway);
    return NULL;
}

static const char *begin(void) {
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_ALARM, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, ALARM_BIT) != 0 || !clock_begin(SLOT_ALARM)) return "there is no timer";
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_AGAIN, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, NIC_BIT) != 0) return "the server's slots do not suffice";
    if (!calls_begin(SLOT_CALLS, SLOT_MINTED)) return "the server's memory does not suffice";
    const char *word = table_begin();
    if (word != NULL) {
        bw_log(word);
        return "this argument of an offer is no rule: connect: HOST:PORTS, listen: PORTS, udp: PORTS or ADDRESS:PORTS, ping: HOST, all: true; at most 8";
    }
    if (!flow_begin()) return "there are quotas for more clients than the server can have";
    random_begin(clock_now());
    const char *wrong = wire_begin(bw_use_nic.cap, SLOT_WIRE, BW_ADDRESS_OWN, NIC_BIT);
    if (wrong != NULL) return wrong;
    lwip_init();
    stream_begin(bw_arg_number("patience", 60) * 1000 * NS_PER_MS);
    const char *host_name = bw_arg("hostName");
    if (!wire_interface(host_name == NULL ? bw_name() : host_name)) return "there is no interface";
    netif_set_status_callback(netif_default, on_address);
    return set_up_address();
}

int main(void) {
    const char *wrong = begin();
    if (wrong != NULL) {
        bw_log(wrong);
        return 1;
    }
    tend(NULL);
    while (turn()) {
    }
    service = (struct bw_service){
        .methods = methods, .count = 0, .bad_request = NET_E_BAD_REQUEST, .first = serve, .notified = notified, .turn = turn, .reply = BW_SLOT_REPLY, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
