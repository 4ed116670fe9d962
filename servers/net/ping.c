/* ping.c: see ping.h. */
#include "ping.h"

#include <bailiwick/net-protocol.h>

#include <lwip/icmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip4.h>
#include <lwip/netif.h>
#include <lwip/priv/raw_priv.h>

#include <string.h>

#include "clock.h"
#include "hops.h"
#include "limits.h"
#include "random.h"

enum { HEADER = sizeof(struct icmp_echo_hdr), IP_HEADER = sizeof(struct ip_hdr), MOST = HEADER + LIMIT_PING };

static struct ping pings[LIMIT_PINGS];
/* One message, on its way out or in. */
static union {
    struct icmp_echo_hdr header;
    uint8_t bytes[MOST];
} message;

static void finish(struct ping *p, uint32_t refusal) { p->done = true, p->refusal = refusal; }

struct ping *ping_take(uint32_t client, uint32_t bytes) {
    for (uint32_t i = client * LIMIT_PINGS_EACH; i < (client + 1) * LIMIT_PINGS_EACH; i++) {
        if (pings[i].used) continue;
        const uint32_t secret = net_random();
        pings[i] = (struct ping){.used = true, .client = client, .bytes = bytes, .identifier = (uint16_t)(secret >> 16), .sequence = (uint16_t)secret};
        return &pings[i];
    }
    return NULL;
}

static uint8_t byte_at(const struct ping *p, uint32_t i) { return (uint8_t)(p->sequence + i); }

static uint32_t send(struct ping *p) {
    const uint32_t refusal = hop_to(p->client, p->address);
    if (refusal != 0) return refusal;
    const uint16_t count = (uint16_t)(HEADER + p->bytes);
    if (count + IP_HEADER > netif_default->mtu) return NET_E_TOO_LARGE;
    struct pbuf *out = pbuf_alloc(PBUF_IP, count, PBUF_RAM);
    if (out == NULL) return NET_E_FULL;
    message.header = (struct icmp_echo_hdr){.type = ICMP_ECHO, .id = lwip_htons(p->identifier), .seqno = lwip_htons(p->sequence)};
    for (uint32_t i = 0; i < p->bytes; i++) message.bytes[HEADER + i] = byte_at(p, i);
    message.header.chksum = inet_chksum(message.bytes, count);
    (void)pbuf_take(out, message.bytes, count);
    ip4_addr_t to = {0};
    ip4_addr_set_u32(&to, lwip_htonl(p->address));
    clock_is_stale();
    p->sent = clock_now();
    const err_t error = ip4_output_if(out, NULL, &to, ICMP_TTL, 0, IP_PROTO_ICMP, netif_default);
    (void)pbuf_free(out);
    return error == ERR_OK ? 0 : error == ERR_MEM || error == ERR_BUF ? (uint32_t)NET_E_FULL : (uint32_t)NET_E_UNREACHABLE;
}

void ping_send(struct ping *p, uint32_t address) {
    p->address = address;
    const uint32_t refusal = address == 0 ? NET_E_NO_ADDRESS : send(p);
    if (refusal != 0) finish(p, refusal);
}

void ping_forget(struct ping *p) { p->used = false; }

void pings_end(uint32_t client) {
    for (uint32_t i = client * LIMIT_PINGS_EACH; i < (client + 1) * LIMIT_PINGS_EACH; i++) if (pings[i].used) finish(&pings[i], NET_E_CLOSED);
}

/* Whoever waits for what these bits and this address name; NULL: nobody. One that has not gone yet has no address. */
static struct ping *asked_by(const struct icmp_echo_hdr *header, uint32_t address) {
    const uint16_t identifier = lwip_ntohs(header->id), sequence = lwip_ntohs(header->seqno);
    for (uint32_t i = 0; i < LIMIT_PINGS; i++) {
        struct ping *p = &pings[i];
        if (p->used && !p->done && p->address != 0 && p->address == address && p->identifier == identifier && p->sequence == sequence) return p;
    }
    return NULL;
}

/* The message has `count` bytes behind its header. */
static bool take_answer(uint32_t from, uint32_t count) {
    struct ping *p = asked_by(&message.header, from);
    if (p == NULL || message.header.code != 0 || count != p->bytes) return false;
    for (uint32_t i = 0; i < count; i++) if (message.bytes[HEADER + i] != byte_at(p, i)) return false;
    clock_is_stale();
    p->took = clock_now() - p->sent;
    finish(p, 0);
    return true;
}

/* Some host on the way sends back the head of what it could not pass on. */
static bool take_failure(uint32_t count) {
    struct ip_hdr head;
    struct icmp_echo_hdr asked;
    if (count < IP_HEADER + HEADER) return false;
    memcpy(&head, message.bytes + HEADER, IP_HEADER);
    memcpy(&asked, message.bytes + HEADER + IP_HEADER, HEADER);
    /* What this side sends has no options. */
    if (IPH_V(&head) != 4 || IPH_HL_BYTES(&head) != IP_HEADER || IPH_PROTO(&head) != IP_PROTO_ICMP || asked.type != ICMP_ECHO) return false;
    struct ping *p = asked_by(&asked, lwip_ntohl(head.dest.addr));
    if (p != NULL) finish(p, NET_E_UNREACHABLE);
    return p != NULL;
}

/* lwIP asks here first, with every packet that is for this side; its header has been checked, what is behind has not. */
raw_input_state_t raw_input(struct pbuf *p, struct netif *netif) {
    (void)netif;
    const uint16_t header = ip_current_header_tot_len();
    if (IPH_PROTO(ip4_current_header()) != IP_PROTO_ICMP || p->tot_len < header + HEADER || p->tot_len - header > MOST) return RAW_INPUT_NONE;
    const uint8_t type = pbuf_get_at(p, header);
    if (type != ICMP_ER && type != ICMP_DUR && type != ICMP_TE) return RAW_INPUT_NONE;
    const uint16_t count = pbuf_copy_partial(p, message.bytes, (uint16_t)(p->tot_len - header), header);
    if (inet_chksum(message.bytes, count) != 0) return RAW_INPUT_NONE;
    if (!(type == ICMP_ER ? take_answer(lwip_ntohl(ip4_addr_get_u32(ip4_current_src_addr())), count - HEADER) : take_failure(count - HEADER))) return RAW_INPUT_NONE;
    (void)pbuf_free(p);
    return RAW_INPUT_EATEN;
}

/* There are no raw sockets that would have the address. */
void raw_netif_ip_addr_changed(const ip_addr_t *before, const ip_addr_t *now) { (void)before, (void)now; }
