/* names.c: see names.h. */
#include "names.h"

#include <bailiwick.h>
#include <bailiwick/net-protocol.h>

#include <lwip/dns.h>

#include "limits.h"

static struct lookup lookups[LIMIT_LOOKUPS];

static void found(const char *name, const ip_addr_t *address, void *argument) {
    struct lookup *lookup = argument;
    (void)name;
    lookup->done = true;
    lookup->address = address == NULL ? 0 : lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(address)));
    if (lookup->forgotten) lookup->used = false;
}

static struct lookup *take(uint32_t client) {
    for (uint32_t i = client * LIMIT_LOOKUPS_EACH; i < (client + 1) * LIMIT_LOOKUPS_EACH; i++) {
        if (lookups[i].used) continue;
        lookups[i] = (struct lookup){.used = true, .client = client};
        return &lookups[i];
    }
    return NULL;
}

uint32_t lookup_begin(uint32_t client, const char *name, struct lookup **lookup) {
    ip_addr_t address = {0};
    *lookup = NULL;
    if (ip_addr_isany(dns_getserver(0))) return NET_E_NO_NETWORK;
    struct lookup *taken = take(client);
    if (taken == NULL) return NET_E_FULL;
    const err_t error = dns_gethostbyname(name, &address, found, taken);
    if (error == ERR_OK) found(name, &address, taken);
    if (error != ERR_OK && error != ERR_INPROGRESS) {
        taken->used = false;
        return error == ERR_MEM ? NET_E_FULL : NET_E_NO_ADDRESS;
    }
    *lookup = taken;
    return 0;
}

void lookup_forget(struct lookup *lookup) {
    lookup->forgotten = true;
    if (lookup->done) lookup->used = false;
}
