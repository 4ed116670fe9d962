/*
 * The constructor. Protocol: protocol.ts; behaviour: README.md; what a constructor is: constructors.h; what it builds: product.c.
 *
 * A capability is the manifest's, a builder's or a requestor's, by its badge; only the kernel and this server can make one. So a requestor that this server
 * knows by its badge is one: that is its brand.
 */
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>

#include "constructors.h"
#include "protocol.h"

BW_USED(bank);

enum { LEAST_BITS = 16, MOST_BITS = 24, MOST_STACK = 64 };

static uint32_t each_client;

/* The constructor that is asked, if this is the facet of it. */
static uint32_t asked(const struct bw_request *r, enum facet facet, struct constructor **c) {
    struct named named;
    if (!constructor_named(r->badge, &named)) return CONSTRUCTOR_E_GONE;
    *c = constructor_at(named.number);
    return named.facet == facet ? 0 : CONSTRUCTOR_E_NOT_ALLOWED;
}

/* What the last answer took along is not this server's any more. */
static void empty_answer(void) { (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_ANSWER); }

static void answer_cap(struct bw_request *r) { bw_ipc()->caps[r->answer_caps++] = SLOT_ANSWER; }

static uint32_t do_create(struct bw_request *r) {
    struct named named;
    char name[NAME_BYTES];
    const uint64_t bytes = r->w[0], bits = r->w[1], stack = r->w[2];
    if (!constructor_named(r->badge, &named) || named.facet != MAKER) return CONSTRUCTOR_E_NOT_ALLOWED;
    if (bytes < 1 || bytes > IMAGE_BYTES || bits < LEAST_BITS || bits > MOST_BITS || stack < 1 || stack > MOST_STACK || !bw_request_name(r, 4, r->w[3], name, sizeof name) || name[0] == 0) return CONSTRUCTOR_E_BAD_REQUEST;
    const uint32_t client = (uint32_t)r->badge & 0xffff;
    uint32_t has = 0;
    struct constructor *free = NULL;
    for (uint32_t i = 0; i < CONSTRUCTORS; i++) {
        if (constructor_at(i)->state != UNUSED) has += constructor_at(i)->client == client;
        else if (free == NULL) free = constructor_at(i);
    }
    if (has >= each_client || free == NULL) return CONSTRUCTOR_E_FULL;
    *free = (struct constructor){
        .state = OPEN, .life = free->life + 1, .client = client, .bytes = bytes, .pages = (uint32_t)((bytes + PAGE - 1) / PAGE), .bits = (uint32_t)bits, .stack = (uint32_t)stack,
    };
    memcpy(free->name, name, sizeof name);
    empty_answer();
    if (!constructor_take_pages(free)) {
        free->state = UNUSED;
        return CONSTRUCTOR_E_NO_MEMORY;
    }
    if (constructor_mint(BUILDER, constructor_number(free)) != 0) {
        constructor_end(free);
        return CONSTRUCTOR_E_NO_MEMORY;
    }
    answer_cap(r);
    return 0;
}

static uint32_t do_write(struct bw_request *r) {
    struct constructor *c = NULL;
    const uint32_t refusal = asked(r, BUILDER, &c);
    if (refusal != 0) return refusal;
    if (c->state != OPEN) return CONSTRUCTOR_E_SEALED;
    const uint64_t offset = r->w[0], count = r->w[1];
    const uint8_t *bytes = bw_request_bytes(r, 2, count);
    if (bytes == NULL || offset > c->bytes || count > c->bytes - offset) return CONSTRUCTOR_E_BAD_REQUEST;
    memcpy(FILE_OF(constructor_number(c)) + offset, bytes, count);
    return 0;
}

/* A requestor of this server comes as its badge, any other capability into the slot. */
static uint32_t look_at(struct constituent *k, uint32_t unwrapped) {
    struct named named;
    if (unwrapped != 0) {
        if (!constructor_named(bw_ipc()->caps[0], &named)) return CONSTRUCTOR_E_GONE;
        /* Builders and makers do not go into products: with them a product could keep what it learns. */
        if (named.facet != REQUESTOR) return CONSTRUCTOR_E_NOT_ALLOWED;
        const struct constructor *inner = constructor_at(named.number);
        k->kind = BW_KIND_ENDPOINT, k->rights = BW_RIGHT_WRITE, k->requestor = named.number + 1, k->life = inner->life;
        k->holes = inner->holes;
        return 0;
    }
    bool discreet = false;
    if (bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &k->kind, &k->rights) != 0 || k->kind == BW_KIND_NULL) return CONSTRUCTOR_E_NO_CAPABILITY;
    if (bw_discrim_is_discreet(BW_SLOT_DISCRIM, SLOT_RECEIVED, &discreet) != 0) return CONSTRUCTOR_E_NO_CAPABILITY;
    /* A CNode's owner can see which of what he put there somebody has fetched and kept: the memory it is made of is not free (Retype). */
    k->holes = discreet && k->kind != BW_KIND_CNODE ? 0 : 1;
    return 0;
}

static uint32_t do_install(struct bw_request *r) {
    struct constructor *c = NULL;
    struct constituent k = {0};
    uint32_t refusal = asked(r, BUILDER, &c);
    if (refusal != 0) return refusal;
    if (c->state != OPEN) return CONSTRUCTOR_E_SEALED;
    if (!bw_request_name(r, 1, r->w[0], k.name, sizeof k.name) || k.name[0] == 0) return CONSTRUCTOR_E_BAD_REQUEST;
    if (r->caps != 1) return CONSTRUCTOR_E_NO_CAPABILITY;
    if (strcmp(k.name, "bank") == 0) return CONSTRUCTOR_E_TAKEN;
    for (uint32_t i = 0; i < c->constituents_used; i++) if (strcmp(c->constituents[i].name, k.name) == 0) return CONSTRUCTOR_E_TAKEN;
    if (c->constituents_used == CONSTITUENTS) return CONSTRUCTOR_E_FULL;
    refusal = look_at(&k, r->unwrapped);
    if (refusal != 0) return refusal;
    /* C3. */
    const uint32_t weak = k.kind == BW_KIND_FRAME && k.holes == 0 ? BW_RIGHT_WEAK : 0;
    const bw_cptr slot = constituent_slot(constructor_number(c), c->constituents_used);
    if (k.requestor == 0 && bw_cnode_copy(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, SLOT_RECEIVED, BW_ALL_RIGHTS | weak) != 0) return CONSTRUCTOR_E_NO_CAPABILITY;
    c->constituents[c->constituents_used++] = k;
    c->holes = c->holes + k.holes < c->holes ? UINT32_MAX : c->holes + k.holes;
    r->w[0] = k.holes != 0;
    r->answer_length = 1;
    return 0;
}

static bw_cptr find_use(const void *of, const char *name) {
    const struct constructor *c = of;
    if (strcmp(name, "bank") == 0) return PRODUCT_BANK;
    for (uint32_t i = 0; i < c->constituents_used; i++) if (strcmp(c->constituents[i].name, name) == 0) return PRODUCT_CONSTITUENTS + i;
    return 0;
}

static uint32_t do_seal(struct bw_request *r) {
    struct constructor *c = NULL;
    const uint32_t refusal = asked(r, BUILDER, &c);
    if (refusal != 0) return refusal;
    if (c->state != OPEN) return CONSTRUCTOR_E_SEALED;
    const uint32_t number = constructor_number(c);
    const char *wrong = image_read(&c->image, FILE_OF(number), c->bytes, find_use, c);
    if (wrong == NULL && !product_fits(c)) wrong = "a product does not fit into its memory, or has its addresses too far apart: give it more, or link it closer";
    if (wrong != NULL) {
        const size_t count = strlen(wrong);
        r->w[0] = count;
        memcpy(bw_answer_room(1), wrong, count);
        bw_answer_bytes(r, 1, count);
        return CONSTRUCTOR_E_BAD_IMAGE;
    }
    /* From here on it cannot be written to, so there is no way back. */
    empty_answer();
    if (!product_prepare(number, TOLD(number), PAGES_AT(number) + PAGE) || constructor_mint(REQUESTOR, number) != 0) {
        constructor_end(c);
        return CONSTRUCTOR_E_NO_MEMORY;
    }
    if (c->image.clock != 0 && c->holes != UINT32_MAX) c->holes++;
    c->state = SEALED;
    r->w[0] = c->holes;
    r->answer_length = 1;
    answer_cap(r);
    return 0;
}

static uint32_t do_destroy(struct bw_request *r) {
    struct constructor *c = NULL;
    const uint32_t refusal = asked(r, BUILDER, &c);
    if (refusal == 0) constructor_end(c);
    return refusal;
}

static uint32_t do_is_discreet(struct bw_request *r) {
    struct constructor *c = NULL;
    const uint32_t refusal = asked(r, REQUESTOR, &c);
    if (refusal != 0) return refusal;
    r->w[0] = c->holes == 0, r->w[1] = c->holes;
    r->answer_length = 2;
    return 0;
}

static uint32_t do_hole(struct bw_request *r) {
    enum { ROOM = 936 };
    struct constructor *c = NULL;
    struct hole hole;
    const uint32_t refusal = asked(r, REQUESTOR, &c);
    if (refusal != 0) return refusal;
    if (!find_hole(c, r->w[0], &hole, (char *)bw_answer_room(3), ROOM)) return CONSTRUCTOR_E_NOT_FOUND;
    r->w[0] = hole.kind, r->w[1] = hole.rights, r->w[2] = hole.length;
    bw_answer_bytes(r, 3, hole.length);
    return 0;
}

static uint32_t do_verify(struct bw_request *r) {
    struct named named;
    if (!constructor_named(r->badge, &named)) return CONSTRUCTOR_E_GONE;
    if (r->caps != 1) return CONSTRUCTOR_E_NO_CAPABILITY;
    const bool genuine = r->unwrapped == 1 && constructor_named(bw_ipc()->caps[0], &named) && named.facet == REQUESTOR;
    r->w[0] = genuine;
    r->w[1] = genuine && constructor_at(named.number)->holes == 0;
    r->w[2] = genuine ? constructor_at(named.number)->holes : 0;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_yield(struct bw_request *r) {
    struct constructor *c = NULL;
    struct bw_bank_check check;
    uint64_t number = 0;
    const bool strict = r->w[0] == 1;
    uint32_t refusal = asked(r, REQUESTOR, &c);
    if (refusal != 0) return refusal;
    if (r->w[0] > 1) return CONSTRUCTOR_E_BAD_REQUEST;
    if (r->caps != 3 || r->unwrapped != 0) return CONSTRUCTOR_E_NO_CAPABILITY;
    if (bw_bank_verify(bw_use_bank.cap, SLOT_RECEIVED, &check) != 0 || !check.official || (check.rights & BW_BANK_BUY) == 0) return CONSTRUCTOR_E_BAD_BANK;
    if (strict && c->holes != 0) return CONSTRUCTOR_E_HOLES;
    if (strict && !check.alone) return CONSTRUCTOR_E_SHARED;
    /* A reserve that comes back can be seen by who shares the bank above: when that is, is not for the product to say. */
    const bool less = strict && (check.rights & BW_BANK_DESTROY) != 0;
    if (less && bw_bank_restrict(SLOT_RECEIVED, check.rights & ~(uint32_t)BW_BANK_DESTROY, SLOT_LESS_BANK) != 0) return CONSTRUCTOR_E_BAD_BANK;
    empty_answer();
    refusal = product_yield(constructor_number(c), less ? SLOT_LESS_BANK : SLOT_RECEIVED, &number);
    if (less) (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_LESS_BANK);
    if (refusal != 0) return refusal;
    r->w[0] = number;
    r->answer_length = 1;
    answer_cap(r);
    return 0;
}

static const char *init(void) {
    if (bw_slots() < SLOTS_NEEDED) return "the constructor needs `slots: 8192` in the manifest";
    if (!constructors_init()) return "the server's memory does not suffice for its page tables";
    const uint32_t clients = bw_clients();
    each_client = CONSTRUCTORS / (clients == 0 ? 1 : clients);
    if (each_client == 0) return "too many clients: up to 48";
    return product_init();
}

int main(void) {
    const char *wrong = init();
    if (wrong != NULL) {
        bw_log(wrong);
        return 1;
    }
    static const struct bw_method methods[] = {
        {.label = CONSTRUCTOR_CREATE, .words = 4, .handle = do_create}, {.label = CONSTRUCTOR_WRITE, .words = 2, .handle = do_write}, {.label = CONSTRUCTOR_INSTALL, .words = 1, .handle = do_install},
        {.label = CONSTRUCTOR_SEAL, .handle = do_seal}, {.label = CONSTRUCTOR_DESTROY, .handle = do_destroy}, {.label = CONSTRUCTOR_IS_DISCREET, .handle = do_is_discreet},
        {.label = CONSTRUCTOR_HOLE, .words = 1, .handle = do_hole}, {.label = CONSTRUCTOR_YIELD, .words = 1, .handle = do_yield}, {.label = CONSTRUCTOR_VERIFY, .handle = do_verify},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = CONSTRUCTOR_E_BAD_REQUEST, .receive_first = SLOT_RECEIVED, .receive_count = 3};
    bw_serve(&service);
}
