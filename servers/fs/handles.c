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

/* The one it was made from; NULL: an offer. */
static struct handle *above(struct client *client, const struct handle *handle) { return handle->above == 0 ? NULL : &client->handles[handle->above - 1]; }
/* What something that is made from this one has above it. */
static uint32_t number_of(const struct client *client, const struct handle *handle) { return handle->times == 0 ? 0 : (uint32_t)(handle - client->handles) + 1; }

uint64_t make_handle(struct client *client, const struct handle *from, uint64_t node, uint32_t rights) {
    const uint32_t number = number_of(client, from);
    for (struct handle *h = number == 0 ? NULL : &client->handles[number - 1]; h != NULL; h = above(client, h)) if (h->lent && h->under == h->most) return 0;
    for (uint32_t i = 0; i < HANDLES_EACH; i++) {
        struct handle *handle = &client->handles[i];
        /* One that was used too often is used no more. */
        if (handle->node != 0 || handle->times == MOST_TIMES) continue;
        *handle = (struct handle){.node = node, .rights = rights, .times = handle->times + 1, .above = number};
        for (struct handle *h = above(client, handle); h != NULL; h = above(client, h)) h->under++;
        return MINTED | (uint64_t)handle->times << NUMBER_BITS | ((uint64_t)(client - clients) * HANDLES_EACH + i);
    }
    return 0;
}

uint64_t lend_handle(struct client *client, const struct handle *from, uint32_t rights, uint32_t most) {
    const uint64_t badge = make_handle(client, from, from->node, rights);
    struct handle *handle;
    if (badge == 0 || !find_handle(badge, &handle, &client)) return 0;
    handle->lent = true;
    handle->most = most;
    return badge;
}

static bool is_under(struct client *client, const struct handle *handle, const struct handle *other) {
    while ((handle = above(client, handle)) != NULL) if (handle == other) return true;
    return false;
}

bool close_handle(uint64_t badge) {
    struct handle *handle;
    struct client *client;
    if ((badge & MINTED) == 0 || !find_handle(badge, &handle, &client)) return false;
    const uint32_t number = number_of(client, handle), gone = handle->lent ? handle->under + 1 : 1;
    for (uint32_t i = 0; i < HANDLES_EACH; i++) {
        struct handle *other = &client->handles[i];
        if (other->node == 0) continue;
        /* What it leads through may be free already, and still leads on. */
        if (handle->lent && is_under(client, other, handle)) other->node = 0;
        else if (other->above == number) other->above = handle->above;
    }
    for (struct handle *h = above(client, handle); h != NULL; h = above(client, h)) h->under -= gone;
    handle->node = 0;
    /* What it owed is owed to who lent it. */
    struct handle *lender = above(client, handle);
    struct debt *debt = lender == NULL ? &client->debt : debt_of(client, lender);
    if (handle->lent && handle->debt.changed && (!debt->changed || handle->debt.losses < debt->losses)) *debt = handle->debt;
    return true;
}

bool is_lent(const struct client *client, const struct handle *handle) {
    while (!handle->lent && handle->above != 0) handle = &client->handles[handle->above - 1];
    return handle->lent;
}

struct debt *debt_of(struct client *client, struct handle *handle) {
    while (handle != NULL && !handle->lent) handle = above(client, handle);
    return handle == NULL ? &client->debt : &handle->debt;
}

void settle_debts(uint64_t losses) {
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (clients[i].debt.losses == losses) clients[i].debt.changed = false;
        for (uint32_t n = 0; n < HANDLES_EACH; n++) if (clients[i].handles[n].debt.losses == losses) clients[i].handles[n].debt.changed = false;
    }
}
