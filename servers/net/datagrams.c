/* datagrams.c: see datagrams.h. */
#include "datagrams.h"

#include <bailiwick/net-protocol.h>

#include <lwip/netif.h>
#include <lwip/udp.h>

#include "hops.h"

static bool has_written(const struct socket *s, uint32_t address, uint16_t port) {
    for (uint32_t i = 0; i < LIMIT_PEERS; i++) if (s->peers[i].port == port && s->peers[i].address == address) return true;
    return false;
}

static void on_datagram(void *argument, struct udp_pcb *pcb, struct pbuf *bytes, const ip_addr_t *from, uint16_t port) {
    static uint8_t copy[LIMIT_DATAGRAM];
    struct socket *s = argument;
    const struct datagram d = {.address = lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(from))), .port = port, .bytes = bytes->tot_len};
    const bool own = rules_allow_port(&s->rules, RULE_UDP_OWN, pcb->local_port);
    if (d.bytes <= LIMIT_DATAGRAM && sizeof d + d.bytes <= room_in(s) && (own || rules_allow_address(&s->rules, RULE_UDP_PEER, d.address, port))) {
        put_in(s, &d, sizeof d);
        (void)pbuf_copy_partial(bytes, copy, d.bytes, 0);
        put_in(s, copy, d.bytes);
        if (own && !has_written(s, d.address, port)) {
            s->peers[s->next_peer] = (struct peer){.address = d.address, .port = port};
            s->next_peer = (s->next_peer + 1) % LIMIT_PEERS;
        }
        clients[s->client].ring = true;
    }
    (void)pbuf_free(bytes);
}

uint32_t datagrams_begin(struct socket *s, const struct rules *rules, uint16_t port, uint16_t *bound) {
    if (port == 0 ? !rules_have(rules, RULE_UDP_PEER) : !rules_allow_port(rules, RULE_UDP_OWN, port)) return NET_E_NOT_ALLOWED;
    s->udp = udp_new();
    if (s->udp == NULL) return NET_E_FULL;
    s->rules = *rules;
    udp_recv(s->udp, on_datagram, s);
    if (udp_bind(s->udp, IP4_ADDR_ANY, port) != ERR_OK) {
        udp_remove(s->udp);
        return NET_E_IN_USE;
    }
    *bound = s->udp->local_port;
    return 0;
}

uint32_t datagrams_add(struct socket *s, const void *bytes, uint32_t count) {
    if (count > LIMIT_DATAGRAM - s->made) {
        s->made = 0;
        return NET_E_TOO_LARGE;
    }
    memcpy(s->making + s->made, bytes, count);
    s->made += count;
    return 0;
}

uint32_t datagrams_send(struct socket *s, uint32_t address, uint16_t port) {
    const uint32_t count = s->made;
    s->made = 0;
    if (!rules_allow_address(&s->rules, RULE_UDP_PEER, address, port) && !has_written(s, address, port)) return NET_E_NOT_ALLOWED;
    const uint32_t refusal = hop_to(s->client, address);
    if (refusal != 0) return refusal;
    if (count + 28 > netif_default->mtu) return NET_E_TOO_LARGE;
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (uint16_t)count, PBUF_RAM);
    if (p == NULL) return NET_E_FULL;
    (void)pbuf_take(p, s->making, (uint16_t)count);
    ip_addr_t to = {0};
    ip4_addr_set_u32(ip_2_ip4(&to), lwip_htonl(address));
    const err_t error = udp_sendto(s->udp, p, &to, port);
    (void)pbuf_free(p);
    return error == ERR_OK ? 0 : error == ERR_MEM || error == ERR_BUF ? NET_E_FULL : NET_E_UNREACHABLE;
}

uint32_t datagrams_next(const struct socket *s, uint32_t most) {
    struct datagram next = {0};
    if (s->count > 0) look_in(s, 0, &next, sizeof next);
    return next.bytes < most ? next.bytes : most;
}

bool datagrams_receive(struct socket *s, struct datagram *of, void *bytes, uint32_t most, uint32_t *left) {
    if (s->count == 0) return false;
    look_in(s, 0, of, sizeof *of);
    const uint32_t count = of->bytes < most ? of->bytes : most;
    look_in(s, sizeof *of, bytes, count);
    struct datagram rest = *of;
    rest.bytes = (uint16_t)(of->bytes - count);
    /* What is left of it has its head in the place of the last bytes that were taken. */
    take_out(s, rest.bytes == 0 ? (uint32_t)sizeof rest + count : count);
    if (rest.bytes > 0) for (uint32_t i = 0; i < sizeof rest; i++) s->bytes[(s->first + i) % LIMIT_BUFFER] = ((const uint8_t *)&rest)[i];
    *left = rest.bytes;
    of->bytes = (uint16_t)count;
    return true;
}

void datagrams_close(struct socket *s) {
    udp_remove(s->udp);
    free_socket(s);
}
