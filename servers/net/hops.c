/* hops.c: see hops.h. */
#include "hops.h"

#include <bailiwick/net-protocol.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>

#include "clock.h"
#include "limits.h"

/* As long as lwIP asks for a neighbour. */
#define ASKED_NS (6000 * NS_PER_MS)
#define FOUND_NS (1000 * NS_PER_MS)

static struct asked {
    uint32_t hop;
    uint64_t until;
} asked[LIMIT_CLIENTS][LIMIT_HOPS_EACH];

/* lwIP's table is searched from its beginning: so the neighbour that was found last is remembered for a while. */
static struct {
    uint32_t hop;
    uint64_t until;
} found;

static bool is_known(uint32_t hop) {
    if (hop == found.hop && clock_now() < found.until) return true;
    ip4_addr_t address = {0};
    const ip4_addr_t *its_address;
    struct eth_addr *its;
    ip4_addr_set_u32(&address, lwip_htonl(hop));
    if (etharp_find_addr(netif_default, &address, &its, &its_address) < 0) return false;
    found.hop = hop, found.until = clock_now() + FOUND_NS;
    return true;
}

static uint32_t ask(uint32_t client, uint32_t hop) {
    struct asked *free = NULL;
    if (is_known(hop)) return 0;
    for (uint32_t i = 0; i < LIMIT_HOPS_EACH; i++) {
        struct asked *a = &asked[client][i];
        const bool over = a->until <= clock_now();
        if (a->hop == hop && !over) return 0;
        if (over || is_known(a->hop)) free = a;
    }
    if (free == NULL) return NET_E_FULL;
    *free = (struct asked){.hop = hop, .until = clock_now() + ASKED_NS};
    return 0;
}

uint32_t hop_to(uint32_t client, uint32_t address) {
    const uint32_t own = lwip_ntohl(ip4_addr_get_u32(netif_ip4_addr(netif_default))), mask = lwip_ntohl(ip4_addr_get_u32(netif_ip4_netmask(netif_default)));
    const uint32_t gateway = lwip_ntohl(ip4_addr_get_u32(netif_ip4_gw(netif_default)));
    if (own == 0 || !netif_is_link_up(netif_default)) return NET_E_NO_NETWORK;
    /* This net, loops, groups and everybody; this side itself. */
    if (address >> 24 == 0 || address >> 24 == 127 || address >> 28 >= 14 || address == own || address == (own | ~mask) || address == (own & mask)) return NET_E_UNREACHABLE;
    if ((address & mask) == (own & mask)) return ask(client, address);
    return gateway == 0 ? (uint32_t)NET_E_UNREACHABLE : ask(client, gateway);
}
