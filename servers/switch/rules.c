/* rules.c: see rules.h. Sources: RFC 791, 792, 793, 768 (headers), RFC 826 and 5227 (ARP), IEEE 802.3 and 802.1Q (types). */
#include "rules.h"

#include <bailiwick/addresses.h>
#include <bailiwick/string.h>

enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, IPV4_HEADER = 20, ARP_BYTES = 28, TCP_HEADER = 20, UDP_HEADER = 8, ICMP_HEADER = 8 };
enum { ICMP_ECHO_REPLY = 0, ICMP_UNREACHABLE = 3, ICMP_ECHO = 8, ICMP_EXCEEDED = 11, ICMP_PARAMETER = 12, TCP_SYN = 2, TCP_ACK = 16 };
/* Of the fragment word: more of them, and where. */
enum { FRAGMENT = 0x3fff };
#define MOST_RATE (1ULL << 40)

/* Lines. */

/* The next word of a line. */
struct words {
    const char *text;
    size_t count;
};

static bool next_word(struct words *rest, struct words *word) {
    size_t used = 0;
    while (used < rest->count && rest->text[used] != ' ') used++;
    *word = (struct words){rest->text, used};
    /* One space between two words, none at the end. */
    if (used < rest->count) used++;
    if (used == rest->count && used > word->count) return false;
    rest->text += used, rest->count -= used;
    return word->count > 0;
}

static bool is(const struct words *word, const char *text) { return word->count == strlen(text) && strncmp(word->text, text, word->count) == 0; }

static bool read_hosts(const struct words *word, struct hosts *hosts) { return bw_read_hosts(word->text, word->count, &hosts->address, &hosts->mask); }

static bool add_peer(struct policy *policy, const struct peer *peer) {
    if (policy->peers == POLICY_PEERS) return false;
    policy->peer[policy->peers++] = *peer;
    return true;
}

/* HOSTS PROTOCOL [PORTS] */
static bool add_peers_of(struct policy *policy, struct words *rest, bool from) {
    struct peer peer = {.from = from};
    struct words hosts, protocol, ports;
    if (!next_word(rest, &hosts) || !read_hosts(&hosts, &peer.hosts) || !next_word(rest, &protocol)) return false;
    if (is(&protocol, "any") || is(&protocol, "icmp")) {
        peer.protocol = is(&protocol, "any") ? PROTOCOL_ANY : PROTOCOL_ICMP;
        return rest->count == 0 && add_peer(policy, &peer);
    }
    if (!is(&protocol, "tcp") && !is(&protocol, "udp")) return false;
    peer.protocol = is(&protocol, "tcp") ? PROTOCOL_TCP : PROTOCOL_UDP;
    return next_word(rest, &ports) && rest->count == 0 && bw_read_ports(ports.text, ports.count, &peer.first, &peer.last) && add_peer(policy, &peer);
}

static bool add_source(struct policy *policy, const struct words *word) {
    struct hosts hosts;
    if (policy->sources == POLICY_SOURCES || !read_hosts(word, &hosts)) return false;
    policy->source[policy->sources++] = hosts;
    return true;
}

static bool add_arp(struct policy *policy, const struct words *word) {
    struct peer peer = {.protocol = PROTOCOL_ARP};
    return read_hosts(word, &peer.hosts) && add_peer(policy, &peer);
}

static bool add_rate(struct policy *policy, enum direction direction, struct words *rest) {
    struct words what, number;
    uint64_t rate = 0;
    if (!next_word(rest, &what) || !next_word(rest, &number) || rest->count > 0 || !bw_read_number(number.text, number.count, MOST_RATE, &rate) || rate == 0) return false;
    uint64_t *limit = is(&what, "frames") ? &policy->frames[direction] : is(&what, "bytes") ? &policy->bytes[direction] : NULL;
    if (limit == NULL || *limit != 0) return false;
    *limit = rate;
    return true;
}

bool policy_add(struct policy *policy, const char *text, size_t count) {
    struct words rest = {text, count}, verb, word;
    if (!next_word(&rest, &verb)) return false;
    if (is(&verb, "to") || is(&verb, "from")) return add_peers_of(policy, &rest, is(&verb, "from"));
    if (is(&verb, "send") || is(&verb, "receive")) return add_rate(policy, is(&verb, "send") ? SEND : RECEIVE, &rest);
    if (is(&verb, "isolated")) return rest.count == 0 && (policy->isolated = true);
    if (!next_word(&rest, &word) || rest.count > 0) return false;
    if (is(&verb, "ip")) return add_source(policy, &word);
    if (is(&verb, "arp")) return add_arp(policy, &word);
    return is(&verb, "mac") && is(&word, "any") && (policy->any_mac = true);
}

/* Frames. */

static uint32_t two(const uint8_t *bytes) { return (uint32_t)bytes[0] << 8 | bytes[1]; }
static uint32_t four(const uint8_t *bytes) { return two(bytes) << 16 | two(bytes + 2); }

uint64_t mac_of(const uint8_t *bytes) {
    uint64_t mac = 0;
    for (uint32_t i = 0; i < 6; i++) mac |= (uint64_t)bytes[i] << 8 * i;
    return mac;
}

static bool is_of(const struct hosts *hosts, uint32_t address) { return (address & hosts->mask) == hosts->address; }

static bool is_source(const struct policy *policy, uint32_t address) {
    for (uint32_t i = 0; i < policy->sources; i++) if (is_of(&policy->source[i], address)) return true;
    return policy->sources == 0;
}

/* Some line is about this host. */
static bool is_peer(const struct policy *policy, uint32_t address) {
    for (uint32_t i = 0; i < policy->peers; i++) if (is_of(&policy->peer[i].hosts, address)) return true;
    return policy->peers == 0;
}

static enum verdict check_arp(const struct policy *policy, enum direction direction, const uint8_t *frame, uint32_t bytes) {
    const uint8_t *arp = frame + LEAST_FRAME;
    if (bytes < LEAST_FRAME + ARP_BYTES || two(arp) != 1 || two(arp + 2) != TYPE_IPV4 || arp[4] != 6 || arp[5] != 4) return DROP_ARP;
    const uint32_t operation = two(arp + 6), sender = four(arp + 14), target = four(arp + 24);
    /* Who speaks for another address than it sends from, speaks for another. */
    if (operation < 1 || operation > 2 || mac_of(arp + 8) != mac_of(frame + 6)) return DROP_ARP;
    if (direction == RECEIVE) return is_peer(policy, sender) ? PASS : DROP_ARP;
    /* A probe (RFC 5227) asks for an address before it is used, and says none of its own. */
    const bool probe = operation == 1 && sender == 0;
    if (probe ? policy->sources > 0 && !is_source(policy, target) : !is_source(policy, sender)) return DROP_ARP;
    /* Asking for oneself tells nobody more than that one is there. */
    const bool itself = policy->sources > 0 && (probe || sender == target);
    return itself || is_peer(policy, target) ? PASS : DROP_ARP;
}

/* A message of IPv4, as far as it matters. */
struct packet {
    uint32_t source, target, protocol;
    /* 0 when there are none. */
    uint32_t source_port, target_port;
    uint32_t icmp_type;
    bool tcp_opening;
};

/* What is behind the header; false: it is cut short. */
static bool read_payload(struct packet *packet, const uint8_t *payload, uint32_t bytes) {
    switch (packet->protocol) {
    case PROTOCOL_TCP & 0xff:
        if (bytes < TCP_HEADER || (payload[12] >> 4) * 4U < TCP_HEADER || (payload[12] >> 4) * 4U > bytes) return false;
        packet->source_port = two(payload), packet->target_port = two(payload + 2);
        packet->tcp_opening = (payload[13] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
        return true;
    case PROTOCOL_UDP & 0xff:
        packet->source_port = two(payload), packet->target_port = two(payload + 2);
        return bytes >= UDP_HEADER;
    case PROTOCOL_ICMP & 0xff:
        packet->icmp_type = payload[0];
        return bytes >= ICMP_HEADER;
    default:
        return true;
    }
}

/* towards: from whom begins to whom was begun with. */
static bool passes(const struct peer *peer, const struct packet *packet, bool towards) {
    const uint32_t port = towards ? packet->target_port : packet->source_port, type = packet->icmp_type;
    if (peer->protocol == PROTOCOL_ANY) return true;
    if (peer->protocol == PROTOCOL_ARP || (peer->protocol & 0xff) != packet->protocol) return false;
    if (peer->protocol == PROTOCOL_ICMP) return towards ? type == ICMP_ECHO : type == ICMP_ECHO_REPLY || type == ICMP_UNREACHABLE || type == ICMP_EXCEEDED || type == ICMP_PARAMETER;
    /* The other side answers, and does not begin. */
    return port >= peer->first && port <= peer->last && (towards || !packet->tcp_opening);
}

static enum verdict check_ipv4(const struct policy *policy, enum direction direction, const uint8_t *frame, uint32_t bytes) {
    static const uint8_t none[TCP_HEADER];
    const uint8_t *ip = frame + LEAST_FRAME;
    if (bytes < LEAST_FRAME + IPV4_HEADER) return DROP_UNKNOWN;
    const uint32_t header = (ip[0] & 15U) * 4, length = two(ip + 2);
    if (ip[0] >> 4 != 4 || header < IPV4_HEADER || length < header || length > bytes - LEAST_FRAME) return DROP_UNKNOWN;
    struct packet packet = {.source = four(ip + 12), .target = four(ip + 16), .protocol = ip[9]};
    if (direction == SEND && !is_source(policy, packet.source)) return DROP_SOURCE;
    if (policy->peers == 0) return PASS;
    /* An option may lead it elsewhere than it says. */
    if (header > IPV4_HEADER) return DROP_UNKNOWN;
    const uint32_t other = direction == SEND ? packet.target : packet.source;
    const bool fragment = (two(ip + 6) & FRAGMENT) != 0, readable = !fragment && read_payload(&packet, length - header < UDP_HEADER ? none : ip + header, length - header);
    for (uint32_t i = 0; i < policy->peers; i++) {
        const struct peer *peer = &policy->peer[i];
        if (is_of(&peer->hosts, other) && (readable || peer->protocol == PROTOCOL_ANY) && passes(peer, &packet, (direction == SEND) != peer->from)) return PASS;
    }
    return fragment ? DROP_FRAGMENT : readable ? DROP_PEER : DROP_UNKNOWN;
}

enum verdict policy_check(const struct policy *policy, enum direction direction, const uint8_t *frame, uint32_t bytes, uint64_t own) {
    const uint64_t to = mac_of(frame), from = mac_of(frame + 6);
    if (!policy->any_mac && (direction == SEND ? from != own : !is_group(to) && to != own)) return DROP_MAC;
    if (policy->sources == 0 && policy->peers == 0) return PASS;
    const uint32_t type = two(frame + 12);
    if (type == TYPE_ARP) return check_arp(policy, direction, frame, bytes);
    return type == TYPE_IPV4 ? check_ipv4(policy, direction, frame, bytes) : DROP_UNKNOWN;
}
