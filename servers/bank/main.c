/*
 * The space bank. Protocol: protocol.ts; behaviour and limits: README.md; blocks: memory.h; limits and accounts: banks.h.
 *
 * A capability names a bank, how often its place in the table has been used, and rights: one of a bank that is no more is dead wherever its copies are.
 */
#include "banks.h"

#include "protocol.h"

enum { SLOT_RECEIVED = 128, SLOT_MINTED };
enum { OFFERS = 16 };

/* A badge of this server's making: bit 31, generation, rights, bank. */
enum { NUMBER_BITS = 10, RIGHTS_BITS = 4, GENERATION_BITS = 17 };
#define MINTED (1ULL << 31)
_Static_assert(BANKS == 1 << NUMBER_BITS && NUMBER_BITS + RIGHTS_BITS + GENERATION_BITS == 31, "a badge has 31 bits for them");

/* Banks of the manifest's offers. */
static uint16_t offered[OFFERS];
static uint32_t offers;

struct named {
    uint16_t bank;
    uint32_t rights;
};

/* What a badge is of; false: a bank that is no more. */
static bool resolve(uint64_t badge, struct named *named) {
    if ((badge & MINTED) == 0) {
        const uint64_t offer = badge >> 16;
        if (offer >= offers) return false;
        *named = (struct named){.bank = offered[offer], .rights = MAY_ALL};
        return true;
    }
    *named = (struct named){.bank = badge & (BANKS - 1), .rights = (uint32_t)(badge >> NUMBER_BITS) & MAY_ALL};
    const struct bank *b = bank_at(named->bank);
    return b->alive && b->generation == ((badge & (MINTED - 1)) >> (NUMBER_BITS + RIGHTS_BITS));
}

/* The bank that is asked, if this capability of it has the right. A refusal, or 0. */
static uint32_t asked(const struct bw_request *r, uint32_t right, uint16_t *bank) {
    struct named named;
    if (!resolve(r->badge, &named)) return BANK_E_GONE;
    *bank = named.bank;
    return (named.rights & right) == right ? 0 : BANK_E_NOT_ALLOWED;
}

/* A capability to the bank goes along with the answer. */
static uint32_t answer_with(struct bw_request *r, uint16_t bank, uint32_t rights) {
    const uint64_t badge = MINTED | (uint64_t)bank_at(bank)->generation << (NUMBER_BITS + RIGHTS_BITS) | rights << NUMBER_BITS | bank;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    const uint32_t with = BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY;
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_SERVICE, with, badge) != 0) return BANK_E_FULL;
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    r->w[0] = rights;
    r->answer_length = 1;
    return 0;
}

/* The operator is told that a bank of the manifest's is used up: the 1st, 2nd, 4th, 8th... time, so that nobody fills the log. */
static void tell_of_limit(uint16_t bank) {
    for (uint16_t b = bank;; b = bank_at(b)->parent) {
        const struct bank *of = bank_at(b);
        if (of->permanent) {
            if (of->limit != 0 && (of->refused & (of->refused - 1)) == 0 && of->refused != 0) {
                bw_logf("bank %s is used up: %lu of %lu KiB sold, refusal number %lu", of->name, of->used >> 10, of->limit >> 10, of->refused);
            }
            return;
        }
    }
}

static uint32_t do_buy(struct bw_request *r) {
    uint16_t bank = 0;
    uint32_t refusal = asked(r, MAY_BUY, &bank), block = 0;
    uint64_t number = 0;
    if (refusal == 0) refusal = r->w[0] > MOST_BITS ? (uint32_t)BANK_E_BAD_REQUEST : bank_buy(bank, (uint32_t)r->w[0], &block, &number);
    if (refusal != 0) {
        if (refusal == BANK_E_LIMIT) tell_of_limit(bank);
        return refusal;
    }
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

/* The request's byte string as a name. */
static bool read_name(struct bw_request *r, uint32_t words, uint64_t count, char name[NAME_BYTES]) {
    const uint8_t *bytes = count < NAME_BYTES ? bw_request_bytes(r, words, count) : NULL;
    if (bytes == NULL) return false;
    for (uint64_t i = 0; i < count; i++) {
        if (bytes[i] < '!' || bytes[i] > '~') return false;
        name[i] = (char)bytes[i];
    }
    name[count] = 0;
    return true;
}

static uint32_t do_make(struct bw_request *r) {
    uint16_t bank = 0, made = 0;
    char name[NAME_BYTES];
    const uint64_t limit = r->w[0], reserve = r->w[1], banks = r->w[2];
    uint32_t refusal = asked(r, MAY_MAKE, &bank);
    if (refusal != 0) return refusal;
    if (banks > BANKS || !read_name(r, 4, r->w[3], name)) return BANK_E_BAD_REQUEST;
    refusal = bank_make(bank, limit, reserve, (uint32_t)banks, name, &made);
    if (refusal == BANK_E_LIMIT) tell_of_limit(bank);
    if (refusal != 0) return refusal;
    refusal = answer_with(r, made, MAY_ALL);
    if (refusal != 0) bank_destroy(made);
    return refusal;
}

static uint32_t do_restrict(struct bw_request *r) {
    struct named named;
    return resolve(r->badge, &named) ? answer_with(r, named.bank, named.rights & (uint32_t)r->w[0] & MAY_ALL) : (uint32_t)BANK_E_GONE;
}

static uint32_t do_destroy(struct bw_request *r) {
    uint16_t bank = 0;
    const uint32_t refusal = asked(r, MAY_DESTROY, &bank);
    if (refusal == 0) bank_destroy(bank);
    return refusal;
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

/* A number of the manifest's args: OFFER.WHAT. */
static uint64_t argument(const char *offer, const char *what, uint64_t otherwise) {
    char key[64];
    const size_t length = strlen(offer);
    memcpy(key, offer, length);
    key[length] = '.';
    memcpy(&key[length + 1], what, strlen(what) + 1);
    return bw_arg_number(key, otherwise);
}

/* A bank for each offer, whose name it has. The whole of it is offered where args say `all`: for who is to see all figures. */
static bool make_offered(void) {
    while (offers < OFFERS && bw_offer(offers) != NULL) offers++;
    for (uint32_t i = 0; i < offers; i++) {
        const char *name = bw_offer(i);
        if (argument(name, "all", 0) == 1) continue;
        const uint64_t limit = argument(name, "limit", 0), reserve = argument(name, "reserve", 0), share = (BANKS - 1 - offers) / offers;
        const uint64_t banks = argument(name, "banks", share);
        const uint32_t refusal = banks > BANKS ? (uint32_t)BANK_E_FULL : bank_make(0, limit, reserve, (uint32_t)banks, name, &offered[i]);
        if (refusal != 0) {
            bw_logf(
                refusal == BANK_E_BAD_REQUEST ? "args of offer %s: `reserve` is a power of two from 4096 on, `limit` is 0 or no less than that"
                : refusal == BANK_E_FULL      ? "args of offer %s: `banks` of all offers, and one more for each, are 1023 at most"
                                              : "args of offer %s: there is not so much memory that `reserve` could be set aside; give the bank more",
                name);
            return false;
        }
        bank_at(offered[i])->permanent = true;
    }
    return true;
}

int main(void) {
    const char *wrong = memory_init();
    if (wrong != NULL) {
        bw_log(wrong);
        return 1;
    }
    banks_init();
    if (!make_offered()) return 1;
    static const struct bw_method methods[] = {
        {.label = BANK_BUY, .words = 1, .handle = do_buy}, {.label = BANK_FREE, .words = 1, .handle = do_free}, {.label = BANK_MAKE, .words = 4, .handle = do_make},
        {.label = BANK_RESTRICT, .words = 1, .handle = do_restrict}, {.label = BANK_DESTROY, .handle = do_destroy}, {.label = BANK_VERIFY, .handle = do_verify},
        {.label = BANK_FIGURES, .handle = do_figures}, {.label = BANK_LIST, .words = 1, .handle = do_list},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = BANK_E_BAD_REQUEST, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    bw_serve(&service);
}
