/*
 * patterns/seal.h: sealers and unsealers. What is put into a box by a brand's sealer comes out by the unsealer of that brand and by nothing else; a box itself does nothing.
 * Both are capabilities of the program that keeps the boxes, and so is a box: a badge of its endpoint, which nobody else can make.
 *
 *   S1  What is in a box is answered to the unsealer of its brand only; to that it proves that the sealer was used.
 *   S2  A box is known by its badge, which the kernel tells when the box is sent to its own endpoint. Anything else that is sent is no box. A badge is never given twice.
 *   S3  A brand has `each` boxes at most. A box whose capability is gone is free again.
 *
 * Source: Morris, "Protection in Programming Languages" (1973); Miller, "Robust Composition". Protocol: caps/protocol/patterns.ts.
 */
#pragma once
#include <bailiwick/serve.h>

/* Brands are numbered from 0. */
#define BW_SEAL_BRANDS (1U << 16)
#define BW_SEAL_BOXES (1U << 24)
/* Badges from badge_first on. */
#define BW_SEAL_BADGES (2ULL * BW_SEAL_BRANDS + BW_SEAL_BOXES)

struct bw_box {
    /* Number of its badge, from 1. 0: free. */
    uint32_t serial;
    uint32_t brand;
};

struct bw_seals {
    /* Set by its owner. The program's, without a badge, with all rights; badges from badge_first (from 2^31 on) on are the sealers', unsealers' and boxes'. */
    bw_cptr endpoint;
    uint64_t badge_first;
    struct bw_box *boxes;
    uint32_t count;
    /* A slot for each box, and one for the capability that an answer brings. All empty. */
    bw_cptr slots, made;
    /* Most boxes of a brand. */
    uint32_t each;
    /* Its own. */
    uint32_t serials;
};

/* To mint what is given away: with Write, GrantReply and Grant. */
static inline uint64_t bw_sealer_badge(const struct bw_seals *seals, uint32_t brand) { return seals->badge_first + 2ULL * brand; }
static inline uint64_t bw_unsealer_badge(const struct bw_seals *seals, uint32_t brand) { return seals->badge_first + 2ULL * brand + 1; }

/* A handler for bw_service.first: BW_NOT_MINE when the badge is none of these. The service has a receive slot at least. */
uint32_t bw_seals_handle(struct bw_seals *seals, struct bw_request *request);
