/* membrane-places.h: what a membrane knows of capabilities that passed. With the lock held, all of it. */
#pragma once
#include <bailiwick/patterns/membrane.h>

static inline bw_cptr membrane_original(const struct bw_membrane *m, const struct bw_membrane_place *place) { return m->slots + 2 * (bw_cptr)(place - m->places); }
static inline bw_cptr membrane_wrapper(const struct bw_membrane *m, const struct bw_membrane_place *place) { return membrane_original(m, place) + 1; }

/* NULL: taken back, or never given. */
struct bw_membrane_place *membrane_by_badge(const struct bw_membrane *m, uint64_t badge);
/* The place whose wrapper the capability in `cap` is; NULL: it is none of this membrane's. */
struct bw_membrane_place *membrane_by_wrapper(const struct bw_membrane *m, bw_cptr cap);
/* The place of a capability that `side` passes: the one it has, or a new one with a copy of it. NULL: a refusal, and the count of those is one more. */
struct bw_membrane_place *membrane_admit(struct bw_membrane *m, enum bw_side side, bw_cptr cap, uint32_t *refusal);
/* Nobody has its wrapper any more. */
void membrane_empty(struct bw_membrane *m, struct bw_membrane_place *place);

void membrane_lock(struct bw_membrane *m);
void membrane_unlock(struct bw_membrane *m);
