/* handles.c: the tables behind badges. A minted badge: bit 31, 21 bits of how often the handle was used, 10 of its number. */
#include "handles.h"

#include <stddef.h>

#define MINTED (1ULL << 31)
#define NUMBER_BITS 10U
#define MOST_TIMES ((1U << (31U - NUMBER_BITS)) - 1U)
_Static_assert(CLIENTS * HANDLES_EACH <= 1U << NUMBER_BITS, "a number for each handle");

struct client clients[CLIENTS];
struct handle offers[OFFERS];

static struct client *client_of(uint64_t badge) {
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (clients[i].badge == 0) clients[i].badge = badge;
        if (clients[i].badge == badge) return &clients[i];
    }
    return NULL;
}

bool find_handle(uint64_t badge, struct handle **handle, struct client **client) {
    if ((badge & MINTED) == 0) {
        if (badge >> 16 >= OFFERS || offers[badge >> 16].node == 0) return false;
        *handle = &offers[badge >> 16];
        *client = client_of(badge);
        return *client != NULL;
    }
    const uint32_t number = badge & ((1U << NUMBER_BITS) - 1), times = (uint32_t)(badge & ~MINTED) >> NUMBER_BITS;
    if (number >= CLIENTS * HANDLES_EACH) return false;
    *client = &clients[number / HANDLES_EACH];
    *handle = &(*client)->handles[number % HANDLES_EACH];
    return (*handle)->node != 0 && (*handle)->times == times;
}

uint64_t make_handle(struct client *client, uint64_t node, uint32_t rights) {
    for (uint32_t i = 0; i < HANDLES_EACH; i++) {
        struct handle *handle = &client->handles[i];
        /* One that was used too often is used no more. */
        if (handle->node != 0 || handle->times == MOST_TIMES) continue;
        *handle = (struct handle){.node = node, .rights = rights, .times = handle->times + 1};
        return MINTED | (uint64_t)handle->times << NUMBER_BITS | ((uint64_t)(client - clients) * HANDLES_EACH + i);
    }
    return 0;
}

bool close_handle(uint64_t badge) {
    struct handle *handle;
    struct client *client;
    if ((badge & MINTED) == 0 || !find_handle(badge, &handle, &client)) return false;
    handle->node = 0;
    return true;
}
