/* offers.c: the manifest's args into banks. */
#include "offers.h"

#include "protocol.h"

static struct offer offers[OFFERS];
static uint32_t count;

const struct offer *offer_at(uint64_t number) { return number < count ? &offers[number] : NULL; }

/* A number of the manifest's args: OFFER.WHAT. False: it is there, and is none. */
static bool argument(const char *offer, const char *what, uint64_t otherwise, uint64_t *value) {
    const char *given = bw_arg_in(offer, what);
    *value = given == NULL ? otherwise : bw_number(given, UINT64_MAX);
    if (given == NULL || *value != UINT64_MAX) return true;
    bw_logf("args of offer %s: `%s` is \"%s\" where a number is wanted (of bytes, for sizes): write 8388608 for 8 MiB", offer, what, given);
    return false;
}

struct wanted {
    uint64_t all, limit, reserve, banks;
};

/* banks: UINT64_MAX - 1 where nothing is said. */
static bool read(const char *offer, struct wanted *w) {
    return argument(offer, "all", 0, &w->all) && argument(offer, "limit", 0, &w->limit) && argument(offer, "reserve", 0, &w->reserve) && argument(offer, "banks", UINT64_MAX - 1, &w->banks);
}

static bool make(const char *name, const struct wanted *w, uint64_t share, struct offer *offer) {
    const uint64_t banks = w->banks == UINT64_MAX - 1 ? share : w->banks;
    const uint32_t refusal = banks >= BANKS ? (uint32_t)BANK_E_FULL : bank_make(0, w->limit, w->reserve, (uint32_t)banks, name, &offer->bank);
    offer->rights = MAY_ALL;
    if (refusal == 0) bank_at(offer->bank)->permanent = true;
    else if (refusal == BANK_E_FULL) bw_logf("args of offer %s: `banks` of all offers, and one more for each, are %u at most", name, BANKS - 1U);
    else if (refusal == BANK_E_BAD_REQUEST) bw_logf("args of offer %s: `reserve` is 0 or a power of two from 4096 to 1073741824, and `limit` is 0 or no less than that", name);
    else bw_logf("args of offer %s: there is no block of %lu KiB left for its `reserve`; the bank has %lu KiB in all: give the component more memory", name, w->reserve >> 10, memory_bytes() >> 10);
    return refusal == 0;
}

bool offers_make(void) {
    struct wanted wanted[OFFERS];
    uint64_t said = 0, silent = 0;
    for (; bw_offer(count) != NULL; count++) {
        if (count == OFFERS) {
            bw_logf("a bank has at most %u offers: have one of its clients make banks for the others", (uint32_t)OFFERS);
            return false;
        }
        struct wanted *w = &wanted[count];
        if (!read(bw_offer(count), w)) return false;
        if (w->all > 1 || (w->all == 1 && (w->limit != 0 || w->reserve != 0 || w->banks != UINT64_MAX - 1))) {
            bw_logf("args of offer %s: `all` is 0 or 1, and an offer that has it is no bank of its own: it has no `limit`, `reserve` or `banks`", bw_offer(count));
            return false;
        }
        if (w->all == 1) continue;
        if (w->banks == UINT64_MAX - 1) silent++;
        said += 1 + (w->banks == UINT64_MAX - 1 || w->banks >= BANKS ? 0 : w->banks);
    }
    /* What those that say nothing have to share. */
    const uint64_t share = silent == 0 || said > BANKS - 1 ? 0 : (BANKS - 1 - said) / silent;
    for (uint32_t i = 0; i < count; i++) {
        /* All of it is there to be looked at only: who may destroy it ends everybody. */
        if (wanted[i].all == 1) offers[i] = (struct offer){.bank = 0, .rights = MAY_LOOK};
        else if (!make(bw_offer(i), &wanted[i], share, &offers[i])) return false;
    }
    return true;
}
