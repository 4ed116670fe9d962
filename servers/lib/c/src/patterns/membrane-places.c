/* membrane-places.c: the table of a membrane, and its lock. Invariants: patterns/membrane.h. */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>

#include "membrane-places.h"

/* States of the lock: free, held, held and waited for. Source: Drepper, "Futexes Are Tricky", the third mutex. */
enum { FREE, HELD, CONTENDED };

void membrane_lock(struct bw_membrane *m) {
    /* One thread needs none. */
    if (m->lock_wait == 0) return;
    uint32_t state = FREE;
    if (__atomic_compare_exchange_n(&m->locked, &state, HELD, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    /* A wait that was cancelled is a wait that has ended: it is tried again. */
    while (__atomic_exchange_n(&m->locked, CONTENDED, __ATOMIC_ACQUIRE) != FREE) (void)bw_wait(m->lock_wait);
}

void membrane_unlock(struct bw_membrane *m) {
    if (m->lock_wait != 0 && __atomic_exchange_n(&m->locked, FREE, __ATOMIC_RELEASE) == CONTENDED) (void)bw_signal(m->lock_signal);
}

static bool same(bw_cptr a, bw_cptr b, uint32_t how) {
    uint32_t sameness = 0;
    return bw_discrim_same(BW_SLOT_DISCRIM, a, b, &sameness) == 0 && sameness >= how;
}
enum { SAME_OBJECT = 1, SAME_BADGE = 3 };

struct bw_membrane_place *membrane_by_badge(const struct bw_membrane *m, uint64_t badge) {
    /* Unsigned: a badge below the first is far above the last. */
    const uint64_t serial = badge - m->badge_first;
    if (serial == 0 || serial > m->serials) return NULL;
    for (uint32_t i = 0; i < m->count; i++) if (m->places[i].serial == serial) return &m->places[i];
    return NULL;
}

struct bw_membrane_place *membrane_by_wrapper(const struct bw_membrane *m, bw_cptr cap) {
    if (!same(cap, m->endpoint, SAME_OBJECT) && (m->bits == 0 || !same(cap, m->notification, SAME_OBJECT))) return NULL;
    for (uint32_t i = 0; i < m->count; i++) if (m->places[i].serial != 0 && same(cap, membrane_wrapper(m, &m->places[i]), SAME_BADGE)) return &m->places[i];
    return NULL;
}

void membrane_empty(struct bw_membrane *m, struct bw_membrane_place *place) {
    if (place->serial == 0) return;
    const bw_cptr wrapper = membrane_wrapper(m, place);
    (void)bw_cnode_revoke(BW_SLOT_CNODE, wrapper);
    (void)bw_cnode_delete(BW_SLOT_CNODE, wrapper);
    (void)bw_cnode_delete(BW_SLOT_CNODE, membrane_original(m, place));
    place->serial = 0;
}

static bool is_free(const struct bw_membrane_place *place) { return place->serial == 0 && place->pins == 0; }

/* M5: the original was deleted with its object, so nothing is behind the wrapper. */
static void sweep(struct bw_membrane *m) {
    for (uint32_t i = 0; i < m->count; i++) {
        uint32_t kind = 0, rights = 0;
        struct bw_membrane_place *place = &m->places[i];
        if (place->serial == 0 || place->pins != 0) continue;
        if (bw_discrim_classify(BW_SLOT_DISCRIM, membrane_original(m, place), &kind, &rights) == 0 && kind == BW_KIND_NULL) membrane_empty(m, place);
    }
}

/* NULL: this side has as many as it may, or all are in use. */
static struct bw_membrane_place *find_free(struct bw_membrane *m, enum bw_side side) {
    for (uint32_t round = 0; round < 2; round++) {
        struct bw_membrane_place *found = NULL;
        uint32_t has = 0;
        for (uint32_t i = 0; i < m->count; i++) {
            has += m->places[i].serial != 0 && m->places[i].side == side;
            if (found == NULL && is_free(&m->places[i])) found = &m->places[i];
        }
        if (found != NULL && has < m->each) return found;
        if (round == 0) sweep(m);
    }
    return NULL;
}

/* Puts the wrapper into its slot: false when it cannot be made. */
static bool make_wrapper(struct bw_membrane *m, struct bw_membrane_place *place) {
    if (place->kind == BW_KIND_ENDPOINT) {
        if (m->serials + 1 >= BW_MEMBRANE_BADGES) return false;
        place->serial = ++m->serials;
        return bw_cnode_mint(BW_SLOT_CNODE, membrane_wrapper(m, place), BW_SLOT_CNODE, m->endpoint, place->rights, m->badge_first + place->serial) == 0;
    }
    /* A bit is used once: what was signalled by a former holder must not reach another's. */
    if (m->bits_used >= m->bits || m->serials + 1 >= BW_MEMBRANE_BADGES) return false;
    place->bit = m->bit_first + m->bits_used++;
    place->serial = ++m->serials;
    return bw_cnode_mint(BW_SLOT_CNODE, membrane_wrapper(m, place), BW_SLOT_CNODE, m->notification, place->rights, 1ULL << place->bit) == 0;
}

static struct bw_membrane_place *refused(struct bw_membrane *m, uint32_t why, uint32_t *refusal) {
    m->caps_refused++;
    *refusal = why;
    return NULL;
}

struct bw_membrane_place *membrane_admit(struct bw_membrane *m, enum bw_side side, bw_cptr cap, uint32_t *refusal) {
    uint32_t kind = 0, rights = 0;
    const bool known = bw_discrim_classify(BW_SLOT_DISCRIM, cap, &kind, &rights) == 0;
    /* Of this program's own, what is no wrapper stays here. */
    if (!known || (kind != BW_KIND_ENDPOINT && kind != BW_KIND_NOTIFICATION) || same(cap, m->endpoint, SAME_OBJECT)) return refused(m, PATTERNS_E_CANNOT_PASS, refusal);
    if (kind == BW_KIND_NOTIFICATION && (m->bits == 0 || same(cap, m->notification, SAME_OBJECT))) return refused(m, PATTERNS_E_CANNOT_PASS, refusal);
    /* M2: what it could do to the wrapper it could do to the original, and it never receives. */
    rights &= BW_ALL_RIGHTS & ~(uint32_t)BW_RIGHT_READ;
    for (uint32_t i = 0; i < m->count; i++) {
        struct bw_membrane_place *place = &m->places[i];
        if (place->serial != 0 && place->side == side && place->kind == kind && place->rights == rights && same(cap, membrane_original(m, place), SAME_BADGE)) return place;
    }
    struct bw_membrane_place *place = find_free(m, side);
    if (place == NULL) return refused(m, PATTERNS_E_FULL, refusal);
    place->kind = kind;
    place->rights = rights;
    place->side = side;
    const bool kept = bw_cnode_copy(BW_SLOT_CNODE, membrane_original(m, place), BW_SLOT_CNODE, cap, BW_ALL_RIGHTS) == 0;
    if (!kept || !make_wrapper(m, place)) {
        membrane_empty(m, place);
        (void)bw_cnode_delete(BW_SLOT_CNODE, membrane_original(m, place));
        return refused(m, PATTERNS_E_FULL, refusal);
    }
    m->wrapped++;
    return place;
}
