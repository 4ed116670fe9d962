/*
 * The space bank. Protocol: protocol.ts; behaviour and limits: README.md; blocks: memory.h; limits and accounts: banks.h.
 *
 * A capability names a bank, how often its place in the table has been used, and rights: one of a bank that is no more is dead wherever its copies are.
 */
#include "banks.h"
#include "offers.h"

#include "protocol.h"

enum { SLOT_RECEIVED = 128, SLOT_MINTED };
/* Blocks freed and banks ended in one call: it keeps others waiting for so long. */
enum { DESTROYED_AT_ONCE = 32 };

/* A badge of this server's making: generation, rights, bank. A place in the table cannot be used 2^49 times. */
enum { NUMBER_BITS = 10, RIGHTS_BITS = 4 };
_Static_assert(BANKS == 1 << NUMBER_BITS && MAY_ALL < 1 << RIGHTS_BITS, "a badge has room for them");

struct named {
    uint16_t bank;
    uint32_t rights;
};

/* What a badge is of; false: a bank that is no more. */
static bool name_of(uint64_t badge, struct named *named) {
    if ((badge & BW_BADGE_MINTED) == 0) {
        const struct offer *offer = offer_at(badge >> 16);
        if (offer != NULL) *named = (struct named){.bank = offer->bank, .rights = offer->rights};
        return offer != NULL;
    }
    *named = (struct named){.bank = badge & (BANKS - 1), .rights = (uint32_t)(badge >> NUMBER_BITS) & MAY_ALL};
    const struct bank *b = bank_at(named->bank);
    return b->alive && b->generation == (badge & ~BW_BADGE_MINTED) >> (NUMBER_BITS + RIGHTS_BITS);
}

/* The same for one that can be used. */
static bool resolve(uint64_t badge, struct named *named) { return name_of(badge, named) && !bank_at(named->bank)->closing; }

/* The bank that is asked, if this capability of it has the right. A refusal, or 0. */
static uint32_t asked(const struct bw_request *r, uint32_t right, uint16_t *bank) {
    struct named named;
    if (!resolve(r->badge, &named)) return BANK_E_GONE;
    *bank = named.bank;
    return (named.rights & right) == right ? 0 : BANK_E_NOT_ALLOWED;
}

/* A capability to the bank goes along with the answer. */
static uint32_t answer_with(struct bw_request *r, uint16_t bank, uint32_t rights) {
    const uint64_t badge = BW_BADGE_MINTED | bank_at(bank)->generation << (NUMBER_BITS + RIGHTS_BITS) | rights << NUMBER_BITS | bank;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    const uint32_t with = BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY;
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_SERVICE, with, badge) != 0) return BANK_E_FULL;
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    r->w[0] = rights;
    r->answer_length = 1;
    return 0;
}

/* The operator is told when it is the 1st, 2nd, 4th, 8th... time, so that nobody fills the log. `before`: how many times it was before this request. */
static bool to_be_told(uint64_t refused, uint64_t before) { return refused != before && (refused & (refused - 1)) == 0; }

/* What a request can be refused for that the operator can do something about: a bank of the manifest's has reached its limit, or nothing is left. */
struct fullness {
    uint16_t bank;
    uint64_t refused, all_refused;
};

static struct fullness fullness_of(uint16_t bank) {
    while (!bank_at(bank)->permanent) bank = bank_at(bank)->parent;
    return (struct fullness){.bank = bank, .refused = bank_at(bank)->refused, .all_refused = bank_at(0)->refused};
}

/* After a request for a block of so many bytes. */
static void tell_of(const struct fullness *before, uint64_t bytes) {
    const struct bank *b = bank_at(before->bank), *all = bank_at(0);
    if (to_be_told(b->refused, before->refused)) {
        bw_logf("bank %s has reached its limit: %lu of %lu KiB sold, requests refused so far: %lu", b->name, b->used >> 10, b->limit >> 10, b->refused);
    }
    if (to_be_told(all->refused, before->all_refused)) {
        bw_logf("no block of %lu KiB is left for bank %s: %lu of %lu KiB are sold; requests refused so far: %lu", bytes >> 10, b->name, all->used >> 10, memory_bytes() >> 10, all->refused);
    }
}

static uint32_t do_buy(struct bw_request *r) {
    uint16_t bank = 0;
    uint32_t refusal = asked(r, MAY_BUY, &bank), block = 0;
    uint64_t number = 0;
    if (refusal != 0) return refusal;
    const struct fullness before = fullness_of(bank);
    const uint64_t bits = r->w[0];
    if (bits > MOST_BITS) return BANK_E_BAD_REQUEST;
    refusal = bank_buy(bank, (uint32_t)bits, &block, &number);
    tell_of(&before, 1ULL << bits);
    if (refusal != 0) return refusal;
    bw_ipc()->caps[r->answer_caps++] = memory_slot(block);
    r->w[0] = number;
    r->answer_length = 1;
    return 0;
}

static uint32_t do_free(struct bw_request *r) {
    uint16_t bank = 0;
    const uint32_t refusal = asked(r, MAY_BUY, &bank);
    return refusal != 0 ? refusal : bank_free(bank, r->w[0]);
}

static uint32_t do_make(struct bw_request *r) {
    uint16_t bank = 0, made = 0;
    char name[NAME_BYTES];
    const uint64_t limit = r->w[0], reserve = r->w[1], banks = r->w[2];
    uint32_t refusal = asked(r, MAY_MAKE, &bank);
    if (refusal != 0) return refusal;
    if (banks >= BANKS || !bw_request_name(r, 4, r->w[3], name, sizeof name)) return BANK_E_BAD_REQUEST;
    const struct fullness before = fullness_of(bank);
    refusal = bank_make(bank, limit, reserve, (uint32_t)banks, name, &made);
    tell_of(&before, reserve);
    if (refusal != 0) return refusal;
    refusal = answer_with(r, made, MAY_ALL);
    /* It has sold nothing and has none under it: that is one piece of work. */
    if (refusal != 0) (void)bank_destroy(made, 1);
    return refusal;
}

static uint32_t do_restrict(struct bw_request *r) {
    struct named named;
    return resolve(r->badge, &named) ? answer_with(r, named.bank, named.rights & (uint32_t)r->w[0] & MAY_ALL) : (uint32_t)BANK_E_GONE;
}

static uint32_t do_destroy(struct bw_request *r) {
    struct named named;
    if (!name_of(r->badge, &named)) return BANK_E_GONE;
    if ((named.rights & MAY_DESTROY) == 0) return BANK_E_NOT_ALLOWED;
    r->w[0] = !bank_destroy(named.bank, DESTROYED_AT_ONCE);
    r->answer_length = 1;
    return 0;
}

/* The kernel vouches for it: only a capability to this server's endpoint arrives as its badge. */
static uint32_t do_verify(struct bw_request *r) {
    struct named named;
    if (!resolve(r->badge, &named)) return BANK_E_GONE;
    if (r->caps != 1) return BANK_E_NO_CAPABILITY;
    const bool official = r->unwrapped == 1 && resolve(bw_ipc()->caps[0], &named);
    r->w[0] = official;
    r->w[1] = official ? named.rights : 0;
    r->w[2] = official && bank_is_alone(named.bank);
    r->answer_length = 3;
    return 0;
}

static uint32_t do_figures(struct bw_request *r) {
    struct named named;
    if (!resolve(r->badge, &named)) return BANK_E_GONE;
    const struct bank *b = bank_at(named.bank);
    const uint64_t words[] = {b->limit, b->reserve, b->used, b->peak, b->blocks, b->banks};
    memcpy(bw_answer_room(0), words, sizeof words);
    bw_answer_bytes(r, 0, sizeof words);
    return 0;
}

static uint32_t do_list(struct bw_request *r) {
    uint16_t bank = 0;
    uint32_t depth = 0;
    const uint32_t refusal = asked(r, MAY_LOOK, &bank);
    if (refusal != 0) return refusal;
    const int under = r->w[0] < BANKS ? bank_under(bank, r->w[0], &depth) : -1;
    if (under < 0) return BANK_E_NOT_FOUND;
    const struct bank *b = bank_at((uint16_t)under);
    const size_t count = strlen(b->name);
    const uint64_t words[] = {depth, b->limit, b->reserve, b->used, b->peak, b->blocks, count};
    memcpy(bw_answer_room(0), words, sizeof words);
    memcpy(bw_answer_room(7), b->name, count);
    bw_answer_bytes(r, 0, sizeof words + count);
    return 0;
}

int main(void) {
    const char *wrong = memory_init();
    if (wrong != NULL) {
        bw_log(wrong);
        return 1;
    }
    banks_init();
    if (!offers_make()) return 1;
    static const struct bw_method methods[] = {
        {.label = BANK_BUY, .words = 1, .handle = do_buy}, {.label = BANK_FREE, .words = 1, .handle = do_free}, {.label = BANK_MAKE, .words = 4, .handle = do_make},
        {.label = BANK_RESTRICT, .words = 1, .handle = do_restrict}, {.label = BANK_DESTROY, .handle = do_destroy}, {.label = BANK_VERIFY, .handle = do_verify},
        {.label = BANK_FIGURES, .handle = do_figures}, {.label = BANK_LIST, .words = 1, .handle = do_list},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = BANK_E_BAD_REQUEST, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    bw_serve(&service);
}
