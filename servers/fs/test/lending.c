/* lending.c: what badges name (handles.c), against a model that remembers every badge that was ever given and counts anew each time. */
#include <stdio.h>
#include <stdlib.h>

#include "../handles.h"
#include "modes.h"

enum { KNOWN = 1 << 14, MODEL_CLIENTS = 3 };

/* A badge that was given. above: the place of what it was made from, 0 for an offer. */
struct given {
    uint64_t badge, node;
    uint32_t client, rights, above, most;
    bool lives, lent;
    struct debt debt;
};
static struct given *known;
/* known[0] is nothing: what is above an offer's. */
static uint32_t count;
static struct debt own[MODEL_CLIENTS];

static uint64_t offer_badge(uint32_t client) { return client + 1; }

static bool is_beneath(uint32_t at, uint32_t other) {
    while ((at = known[at].above) != 0) if (at == other) return true;
    return false;
}
static uint32_t beneath(uint32_t other) {
    uint32_t found = 0;
    for (uint32_t i = 1; i <= count; i++) found += known[i].lives && is_beneath(i, other);
    return found;
}
static uint32_t living(uint32_t client) {
    uint32_t found = 0;
    for (uint32_t i = 1; i <= count; i++) found += known[i].lives && known[i].client == client;
    return found;
}
static uint32_t lent_above(uint32_t at) {
    while (at != 0 && !known[at].lent) at = known[at].above;
    return at;
}
static struct debt *model_debt(uint32_t at, uint32_t client) { return lent_above(at) == 0 ? &own[client] : &known[lent_above(at)].debt; }

/* One that lives, of this client; 0: its offer. */
static uint32_t draw(uint32_t client) {
    for (uint32_t tries = 0; count > 0 && tries < 20 && !one_in(6); tries++) {
        const uint32_t recent = count > 100 && !one_in(3) ? count - (uint32_t)random_below(100) : 1 + (uint32_t)random_below(count);
        if (known[recent].lives && known[recent].client == client) return recent;
    }
    return 0;
}

static void find(uint32_t at, uint32_t client, struct handle **handle, struct client **found) {
    EXPECT(find_handle(at == 0 ? offer_badge(client) : known[at].badge, handle, found), "what was given, %u, is not there", at);
}

static void make(uint32_t client) {
    const uint32_t from = draw(client), most = (uint32_t)random_below(8), rights = (uint32_t)random_below(16);
    const bool lend = one_in(4);
    bool full = living(client) == HANDLES_EACH;
    for (uint32_t at = from; at != 0; at = known[at].above) full |= known[at].lent && beneath(at) == known[at].most;
    struct handle *handle;
    struct client *c;
    find(from, client, &handle, &c);
    const uint64_t node = lend ? handle->node : 1 + random_below(1000), badge = lend ? lend_handle(c, handle, rights, most) : make_handle(c, handle, node, rights);
    EXPECT((badge == 0) == full, "made: %lx, though it is %s", badge, full ? "full" : "not full");
    if (full) return;
    for (uint32_t i = 1; i <= count; i++) EXPECT(known[i].badge != badge, "the badge %lx is given again", badge);
    known[++count] = (struct given){.badge = badge, .node = node, .client = client, .rights = rights, .above = from, .most = most, .lives = true, .lent = lend};
}

static void end(uint32_t client) {
    const uint32_t at = draw(client);
    EXPECT(close_handle(at == 0 ? offer_badge(client) : known[at].badge) == (at != 0), "closed: what cannot be, or not what can");
    if (at == 0) return;
    for (uint32_t i = 1; i <= count; i++) {
        if (!known[i].lives || i == at) continue;
        if (known[at].lent && is_beneath(i, at)) known[i].lives = false;
    }
    for (uint32_t i = 1; i <= count; i++) if (known[i].above == at && known[i].lives) known[i].above = known[at].above;
    known[at].lives = false;
    struct debt *to = model_debt(known[at].above, client), *from = &known[at].debt;
    if (known[at].lent && from->changed && (!to->changed || from->losses < to->losses)) *to = *from;
}

static void change(uint32_t client, uint64_t losses) {
    const uint32_t at = draw(client);
    struct handle *handle;
    struct client *c;
    find(at, client, &handle, &c);
    struct debt *debt = debt_of(c, handle), *model = model_debt(at, client);
    if (!debt->changed) *debt = (struct debt){.changed = true, .losses = losses};
    if (!model->changed) *model = (struct debt){.changed = true, .losses = losses};
}

static void settle(uint64_t losses) {
    settle_debts(losses);
    for (uint32_t i = 0; i < MODEL_CLIENTS; i++) if (own[i].losses == losses) own[i].changed = false;
    for (uint32_t i = 1; i <= count; i++) if (known[i].debt.losses == losses) known[i].debt.changed = false;
}

static void compare(void) {
    for (uint32_t i = 1; i <= count; i++) {
        struct handle *handle;
        struct client *c;
        const bool there = find_handle(known[i].badge, &handle, &c);
        EXPECT(there == known[i].lives, "badge %u is %s", i, there ? "there still" : "gone");
        if (!there) continue;
        EXPECT(handle->node == known[i].node && handle->rights == known[i].rights && c->badge == offer_badge(known[i].client), "badge %u names something else", i);
        EXPECT(handle->under == beneath(i), "badge %u has %u under it, not %u", i, handle->under, beneath(i));
        EXPECT(is_lent(c, handle) == (lent_above(i) != 0), "badge %u is lent, or is not", i);
        const struct debt *debt = debt_of(c, handle), *model = model_debt(i, known[i].client);
        EXPECT(debt->changed == model->changed && (!debt->changed || debt->losses == model->losses), "badge %u owes something else", i);
    }
}

void run_lending(uint64_t seed, uint64_t steps) {
    uint64_t losses = 0, made = 0;
    seed_random(seed);
    known = calloc(KNOWN, sizeof *known);
    EXPECT(known != NULL, "no memory");
    offers[0] = (struct handle){.node = 7, .rights = ALL_RIGHTS};
    for (uint64_t i = 0; i < steps && count < KNOWN - 1; i++) {
        const uint32_t client = (uint32_t)random_below(MODEL_CLIENTS);
        const uint64_t what = random_below(20);
        if (what < 11) make(client);
        else if (what < 16) end(client);
        else if (what < 18) change(client, losses);
        else if (what < 19) settle(losses);
        else losses += one_in(2);
        made = count;
        if (i % 10 == 9) compare();
    }
    compare();
    free(known);
    printf("%lu badges given\n", made);
}
