/* seal.c: boxes. Invariants: patterns/seal.h. */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>
#include <bailiwick/patterns/seal.h>

static bw_cptr slot_of(const struct bw_seals *s, const struct bw_box *box) { return s->slots + (bw_cptr)(box - s->boxes); }
static uint64_t box_badge(const struct bw_seals *s, const struct bw_box *box) { return s->badge_first + 2ULL * BW_SEAL_BRANDS + box->serial; }

static void empty(const struct bw_seals *s, struct bw_box *box) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot_of(s, box));
    box->serial = 0;
}

/* S3: its object is gone, and took the capability along. */
static bool is_there(const struct bw_seals *s, const struct bw_box *box) {
    uint32_t kind = 0, rights = 0;
    return box->serial != 0 && bw_discrim_classify(BW_SLOT_DISCRIM, slot_of(s, box), &kind, &rights) == 0 && kind != BW_KIND_NULL;
}

static struct bw_box *find_free(struct bw_seals *s, uint32_t brand) {
    struct bw_box *found = NULL;
    uint32_t has = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        struct bw_box *box = &s->boxes[i];
        if (box->serial != 0 && !is_there(s, box)) empty(s, box);
        if (box->serial == 0) found = found == NULL ? box : found;
        else has += box->brand == brand;
    }
    return has < s->each && s->serials + 1 < BW_SEAL_BOXES ? found : NULL;
}

static uint32_t seal(struct bw_seals *s, struct bw_request *r, uint32_t brand) {
    if (r->caps != 1) return PATTERNS_E_BAD_REQUEST;
    /* One of this program's own came as its badge: with which rights is not known, so it cannot be made again. */
    if (r->unwrapped != 0) return PATTERNS_E_CANNOT_PASS;
    struct bw_box *box = find_free(s, brand);
    if (box == NULL) return PATTERNS_E_FULL;
    *box = (struct bw_box){.serial = s->serials + 1, .brand = brand};
    (void)bw_cnode_delete(BW_SLOT_CNODE, s->made);
    /* A box can be handed on and sent to its unsealer; it answers nothing. */
    bw_err error = bw_cnode_mint(BW_SLOT_CNODE, s->made, BW_SLOT_CNODE, s->endpoint, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY, box_badge(s, box));
    if (error == 0) error = bw_cnode_move(BW_SLOT_CNODE, slot_of(s, box), BW_SLOT_CNODE, r->service->receive_first);
    if (error != 0) {
        empty(s, box);
        return PATTERNS_E_CANNOT_PASS;
    }
    s->serials++;
    bw_ipc()->caps[r->answer_caps++] = s->made;
    return 0;
}

/* S2. NULL: `refusal` says why. */
static struct bw_box *find_box(struct bw_seals *s, const struct bw_request *r, uint32_t brand, uint32_t *refusal) {
    *refusal = PATTERNS_E_NO_BOX;
    if (r->caps != 1 || r->unwrapped != 1) return NULL;
    const uint64_t first = s->badge_first + 2ULL * BW_SEAL_BRANDS, badge = bw_ipc()->caps[0];
    if (badge <= first || badge > first + s->serials) return NULL;
    *refusal = PATTERNS_E_GONE;
    for (uint32_t i = 0; i < s->count; i++) {
        struct bw_box *box = &s->boxes[i];
        if (box->serial == 0 || box_badge(s, box) != badge) continue;
        if (box->brand != brand) *refusal = PATTERNS_E_OTHER_BRAND;
        else if (is_there(s, box)) return box;
    }
    return NULL;
}

uint32_t bw_seals_handle(struct bw_seals *s, struct bw_request *r) {
    if (r->badge < s->badge_first || r->badge - s->badge_first >= BW_SEAL_BADGES) return BW_NOT_MINE;
    const uint64_t number = r->badge - s->badge_first;
    /* A box. */
    if (number >= 2ULL * BW_SEAL_BRANDS) return PATTERNS_E_BAD_REQUEST;
    const uint32_t brand = (uint32_t)(number / 2);
    if (number % 2 == 0) return r->label == PATTERNS_SEAL ? seal(s, r, brand) : PATTERNS_E_BAD_REQUEST;
    if (r->label != PATTERNS_UNSEAL && r->label != PATTERNS_DISCARD) return PATTERNS_E_BAD_REQUEST;
    uint32_t refusal = 0;
    struct bw_box *box = find_box(s, r, brand, &refusal);
    if (box == NULL) return refusal;
    if (r->label == PATTERNS_UNSEAL) bw_ipc()->caps[r->answer_caps++] = slot_of(s, box);
    else empty(s, box);
    return 0;
}
