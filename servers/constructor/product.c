/*
 * product.c: the building of a product. All that it has is made of one block of its client's memory, but for the pages it shares with other products of its
 * constructor and cannot change. Freeing the block takes it away. When something fails half-way that is done here.
 *
 * Everything but this server's own can be taken away between any two steps: the block with all that was made of it, bank, schedule, keeper, constituents. Then
 * a step fails, or names an empty slot and does nothing. However it ends, the slots from SLOT_BUILD on are empty but for SLOT_START (P1).
 *
 * Addresses of a product are those of every program; below its text is the page of start.S, behind its arguments the file's pages with initialised data.
 */
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>

#include "plan.h"
#include "protocol.h"

BW_USED(bank);

enum { PIECE = 64 };
/* What is made, in this server's slots, until it is the product's. */
enum { SLOT_BLOCK = SLOT_BUILD, SLOT_HEAP, SLOT_CNODE, SLOT_CSPACE, SLOT_KEPT, SLOT_KEPT_SPACE, SLOT_VSPACE, SLOT_TCB, SLOT_ENDPOINT, SLOT_NOTIFICATION, SLOT_REPLY, SLOT_PIECE, SLOT_START = SLOT_PIECE + PIECE };
_Static_assert(SLOT_START < 256, "all slots are there");
_Static_assert((int)MOST_TABLES <= (int)PIECE, "the tables are a piece");
#define GIGA (1UL << 30)
#define DATA_ADDRESS (BW_ADDRESS_ARGUMENTS + PAGE)
/* In the page of the arguments. */
#define TABLE_OFFSET 2048UL
#define READ_WRITE (BW_RIGHT_READ | BW_RIGHT_WRITE)
/* Where this server maps the page of start.S to write it. */
#define WINDOW (BW_ADDRESS_OWN + (CONSTRUCTORS << 20))

extern const uint8_t product_start[], product_start_end[];

/* What a product is told: its name and slots, and what start.S copies. */
static void write_told(const struct constructor *c, uint8_t *told) {
    static const char slots[] = "slots=256";
    uint8_t *at = told;
    memset(told, 0, PAGE);
    memcpy(at, "name=", 5), memcpy(at + 5, c->name, strlen(c->name));
    memcpy(at + 5 + strlen(c->name) + 1, slots, sizeof slots);
    uint64_t *table = (uint64_t *)(told + TABLE_OFFSET), data = DATA_ADDRESS;
    for (uint32_t i = 0; i < c->image.segments_used; i++) {
        const struct segment *s = &c->image.segments[i];
        if ((s->flags & SEGMENT_WRITE) == 0 || s->file_bytes == 0) continue;
        *table++ = s->address, *table++ = data + s->offset % PAGE, *table++ = s->file_bytes;
        data += ((s->offset + s->file_bytes - 1) / PAGE - s->offset / PAGE + 1) * PAGE;
    }
    *table = c->image.entry;
}

/* Text stays executable on the shelf: what engines have translated of it for one product is there for the next (core/kernel/objects/frame.ts). */
static bool is_text(const struct constructor *c, uint32_t page) {
    for (uint32_t i = 0; i < c->image.segments_used; i++) {
        const struct segment *s = &c->image.segments[i];
        if ((s->flags & SEGMENT_EXECUTE) != 0 && page >= s->offset / PAGE && page <= (s->offset + s->file_bytes - 1) / PAGE) return true;
    }
    return false;
}

bool product_prepare(uint32_t number, uint8_t *told, uint64_t file_address) {
    const struct constructor *c = constructor_at(number);
    write_told(c, told);
    bw_err error = bw_frame_unmap(told_slot(number));
    for (uint32_t i = 0; i < c->pages && error == 0; i++) {
        error = bw_frame_unmap(page_slot(number, i));
        if (error == 0 && is_text(c, i)) error = bw_frame_map(page_slot(number, i), file_address + i * PAGE, SLOT_SHELF, BW_RIGHT_READ | BW_MAP_EXECUTE);
    }
    return error == 0;
}

/* Building. Each step that the kernel refuses ends it: what was made is taken back with the block. */

static uint64_t kept;
/* The schedule was not to be had. */
static bool not_bound;
static uint32_t priority;

static bw_err keep(bw_cptr slot) { return bw_cnode_move(SLOT_KEPT_SPACE, kept++, BW_SLOT_CNODE, slot); }

static bw_err make(uint32_t kind, uint32_t size_bits, bw_cptr slot) { return bw_untyped_retype(SLOT_BLOCK, kind, size_bits, 1, BW_SLOT_CNODE, slot); }

/* Largest first, so that nothing is lost between. */
static bw_err make_objects(const struct plan *p) {
    const bool kept_first = p->kept_bits > CSPACE_BITS;
    bw_err error = p->heap_bits == 0 ? 0 : make(BW_KIND_UNTYPED, p->heap_bits, SLOT_HEAP);
    if (error == 0) error = kept_first ? make(BW_KIND_CNODE, p->kept_bits, SLOT_KEPT) : make(BW_KIND_CNODE, CSPACE_BITS, SLOT_CNODE);
    if (error == 0) error = kept_first ? make(BW_KIND_CNODE, CSPACE_BITS, SLOT_CNODE) : make(BW_KIND_CNODE, p->kept_bits, SLOT_KEPT);
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, SLOT_CSPACE, BW_SLOT_CNODE, SLOT_CNODE, BW_ALL_RIGHTS, (uint64_t)(32 - CSPACE_BITS) << 32);
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, SLOT_KEPT_SPACE, BW_SLOT_CNODE, SLOT_KEPT, BW_ALL_RIGHTS, (uint64_t)(32 - p->kept_bits) << 32);
    if (error == 0) error = make(BW_KIND_VSPACE, 0, SLOT_VSPACE);
    kept = 0;
    /* The table of what is kept keeps itself. */
    if (error == 0) error = keep(SLOT_KEPT);
    return error;
}

static bw_err make_small_objects(void) {
    bw_err error = make(BW_KIND_TCB, 0, SLOT_TCB);
    if (error == 0) error = make(BW_KIND_NOTIFICATION, 0, SLOT_NOTIFICATION);
    if (error == 0) error = make(BW_KIND_ENDPOINT, 0, SLOT_ENDPOINT);
    return error != 0 ? error : make(BW_KIND_REPLY, 0, SLOT_REPLY);
}

static bw_err map_tables(const struct plan *p) {
    const uint32_t count = p->tables_used + 2;
    bw_err error = bw_untyped_retype(SLOT_BLOCK, BW_KIND_PAGE_TABLE, 0, count, BW_SLOT_CNODE, SLOT_PIECE);
    for (uint32_t i = 0; i < count && error == 0; i++) {
        error = bw_page_table_map(SLOT_PIECE + i, i < 2 ? i * GIGA : p->tables[i - 2], SLOT_VSPACE);
        if (error == 0) error = keep(SLOT_PIECE + i);
    }
    return error;
}

static bw_err map_fresh(const struct area *area) {
    bw_err error = 0;
    for (uint64_t done = 0; done < area->pages && error == 0;) {
        const uint32_t count = area->pages - done < PIECE ? (uint32_t)(area->pages - done) : PIECE;
        error = bw_untyped_retype(SLOT_BLOCK, BW_KIND_FRAME, BW_PAGE_BITS, count, BW_SLOT_CNODE, SLOT_PIECE);
        for (uint32_t i = 0; i < count && error == 0; i++, done++) {
            const uint64_t address = area->address + done * PAGE;
            error = bw_frame_map(SLOT_PIECE + i, address, SLOT_VSPACE, READ_WRITE);
            /* The IPC buffer's is needed until the thread has it. */
            if (error == 0 && address != BW_ADDRESS_IPC_BUFFER) error = keep(SLOT_PIECE + i);
        }
    }
    return error;
}

static bw_err map_shared(bw_cptr frame, uint64_t address, uint32_t rights) {
    bw_err error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_PIECE + 1, BW_SLOT_CNODE, frame, BW_RIGHT_READ);
    if (error == 0) error = bw_frame_map(SLOT_PIECE + 1, address, SLOT_VSPACE, rights);
    return error == 0 ? keep(SLOT_PIECE + 1) : error;
}

/* Text and constants where they belong; pages with data where start.S finds them. */
static bw_err map_file(uint32_t number, const struct constructor *c) {
    uint64_t data = DATA_ADDRESS;
    bw_err error = map_shared(SLOT_START, START_ADDRESS, BW_RIGHT_READ | BW_MAP_EXECUTE);
    if (error == 0) error = map_shared(told_slot(number), BW_ADDRESS_ARGUMENTS, BW_RIGHT_READ);
    for (uint32_t i = 0; i < c->image.segments_used && error == 0; i++) {
        const struct segment *s = &c->image.segments[i];
        const bool copied = (s->flags & SEGMENT_WRITE) != 0;
        if (s->file_bytes == 0) continue;
        const uint32_t first = (uint32_t)(s->offset / PAGE), last = (uint32_t)((s->offset + s->file_bytes - 1) / PAGE);
        const uint32_t rights = BW_RIGHT_READ | ((s->flags & SEGMENT_EXECUTE) != 0 ? BW_MAP_EXECUTE : 0);
        for (uint32_t page = first; page <= last && error == 0; page++) {
            const uint64_t address = copied ? data : s->address / PAGE * PAGE + (uint64_t)(page - first) * PAGE;
            error = map_shared(page_slot(number, page), address, rights);
            if (copied) data += PAGE;
        }
    }
    return error;
}

static bw_err give(bw_cptr to, bw_cptr from) { return bw_cnode_copy(SLOT_CSPACE, to, BW_SLOT_CNODE, from, BW_ALL_RIGHTS); }
static bw_err hand_over(bw_cptr to, bw_cptr from) { return bw_cnode_move(SLOT_CSPACE, to, BW_SLOT_CNODE, from); }

static bw_cptr constituent_of(uint32_t number, const struct constituent *k, uint32_t place) {
    if (k->requestor == 0) return constituent_slot(number, place);
    const struct constructor *inner = constructor_at(k->requestor - 1);
    return inner->state == SEALED && inner->life == k->life ? requestor_slot(k->requestor - 1) : 0;
}

/*
 * One that its owner has taken back, or that cannot be copied now (an Untyped of which something was made), is not there for this product. No error of the kernel's
 * at this point means that the product itself is not whole: if its slots were taken away, the next step says so.
 */
static void give_constituents(uint32_t number, const struct constructor *c) {
    for (uint32_t i = 0; i < c->constituents_used; i++) {
        const struct constituent *k = &c->constituents[i];
        const bw_cptr from = constituent_of(number, k, i);
        if (from == 0) continue;
        (void)give(PRODUCT_CONSTITUENTS + i, from);
        /* C3. */
        if (k->requestor == 0 && k->holes == 0) (void)bw_cnode_copy(SLOT_KEPT_SPACE, kept++, BW_SLOT_CNODE, from, BW_ALL_RIGHTS);
    }
}

/* What a program finds in its slots; there is no parent. */
static bw_err fill_cspace(uint32_t number, const struct constructor *c, const struct plan *p, bw_cptr bank) {
    static const struct { bw_cptr to, from; } copied[] = {
        {BW_SLOT_CNODE, SLOT_CSPACE}, {BW_SLOT_TCB, SLOT_TCB}, {BW_SLOT_SCHED_CONTEXT, SLOT_RECEIVED + 1}, {BW_SLOT_DISCRIM, BW_SLOT_DISCRIM}, {BW_SLOT_IPC_BUFFER, SLOT_PIECE},
    };
    static const struct { bw_cptr to, from; } moved[] = {
        {BW_SLOT_VSPACE, SLOT_VSPACE}, {BW_SLOT_SERVICE, SLOT_ENDPOINT}, {BW_SLOT_NOTIFICATION, SLOT_NOTIFICATION}, {BW_SLOT_REPLY, SLOT_REPLY},
    };
    give_constituents(number, c);
    bw_err error = give(PRODUCT_BANK, bank);
    for (size_t i = 0; i < sizeof copied / sizeof *copied && error == 0; i++) error = give(copied[i].to, copied[i].from);
    /* This capability holds the mapping. */
    if (error == 0) error = keep(SLOT_PIECE);
    for (size_t i = 0; i < sizeof moved / sizeof *moved && error == 0; i++) error = hand_over(moved[i].to, moved[i].from);
    if (error == 0 && p->heap_bits != 0) error = hand_over(BW_SLOT_UNTYPED, SLOT_HEAP);
    return error;
}

static bw_err start(const struct constructor *c) {
    const uint64_t registers[] = {START_ADDRESS, 0, BW_ADDRESS_STACK_TOP, 0, 0, 0, 0, 0, 0, 0, BW_ADDRESS_IPC_BUFFER, BW_ADDRESS_ARGUMENTS, BW_ADDRESS_ARGUMENTS + TABLE_OFFSET};
    bw_err error = bw_tcb_set_label(SLOT_TCB, c->name);
    if (error == 0) error = bw_tcb_set_space(SLOT_TCB, SLOT_RECEIVED + 2, SLOT_CSPACE, SLOT_VSPACE);
    if (error == 0) error = bw_tcb_set_ipc_buffer(SLOT_TCB, BW_ADDRESS_IPC_BUFFER, SLOT_PIECE);
    if (error == 0) error = bw_tcb_set_priority(SLOT_TCB, priority, priority, BW_SLOT_TCB);
    if (error == 0) error = bw_tcb_bind_notification(SLOT_TCB, SLOT_NOTIFICATION);
    if (error == 0) error = bw_tcb_write_registers(SLOT_TCB, 0, registers, sizeof registers / sizeof *registers, false);
    return error;
}

static bw_err build(uint32_t number, const struct constructor *c, const struct plan *p, bw_cptr bank) {
    bw_err error = make_objects(p);
    if (error == 0) error = map_tables(p);
    if (error == 0) error = map_file(number, c);
    /* The last area is the IPC buffer's page, which stays in SLOT_PIECE. */
    for (uint32_t i = 0; i < p->areas_used && error == 0; i++) error = map_fresh(&p->areas[i]);
    if (error == 0) error = make_small_objects();
    if (error == 0) error = start(c);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_ANSWER, BW_SLOT_CNODE, SLOT_ENDPOINT, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY);
    if (error == 0) error = fill_cspace(number, c, p, bank);
    if (error == 0) {
        error = bw_sched_context_bind(SLOT_RECEIVED + 1, SLOT_TCB);
        not_bound = error != 0;
    }
    return error != 0 ? error : bw_tcb_resume(SLOT_TCB);
}

/* P1, when all went well: the rest was moved away. */
static void let_go(void) {
    static const bw_cptr slots[] = {SLOT_BLOCK, SLOT_CNODE, SLOT_CSPACE, SLOT_KEPT_SPACE, SLOT_TCB};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, slots[i]);
}

/* Whether there is such a capability, and its rights. */
static bool is_a(bw_cptr slot, uint32_t kind, uint32_t *rights) {
    uint32_t is = 0;
    return bw_discrim_classify(BW_SLOT_DISCRIM, slot, &is, rights) == 0 && is == kind;
}

/* P1 when it did not: whoever else has a hand in it, what was begun ends here. The number is the bank's for another block if ours was freed meanwhile. */
static void take_back(uint64_t bought) {
    uint32_t rights = 0;
    const bool ours = is_a(SLOT_BLOCK, BW_KIND_UNTYPED, &rights);
    (void)bw_cnode_revoke(BW_SLOT_CNODE, SLOT_BLOCK);
    for (bw_cptr slot = SLOT_BLOCK; slot < SLOT_START; slot++) (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_ANSWER);
    if (ours) (void)bw_bank_free(SLOT_RECEIVED, bought);
}

/* An endpoint that faults can be sent to, and answered from. */
static bool can_keep(uint32_t rights) { return (rights & BW_RIGHT_WRITE) != 0 && (rights & (BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY)) != 0; }

/* What is wrong with what the client sent along; 0: nothing that can be seen. */
static uint32_t refusal_of_given(void) {
    uint32_t rights = 0;
    if (!is_a(SLOT_RECEIVED, BW_KIND_ENDPOINT, &rights)) return CONSTRUCTOR_E_BAD_BANK;
    if (!is_a(SLOT_RECEIVED + 1, BW_KIND_SCHED_CONTEXT, &rights)) return CONSTRUCTOR_E_BAD_SCHEDULE;
    return is_a(SLOT_RECEIVED + 2, BW_KIND_ENDPOINT, &rights) && can_keep(rights) ? 0 : CONSTRUCTOR_E_BAD_KEEPER;
}

uint32_t product_yield(uint32_t number, bw_cptr bank, uint64_t *bought) {
    const struct constructor *c = constructor_at(number);
    struct plan plan;
    if (!make_plan(c, &plan)) return CONSTRUCTOR_E_NO_MEMORY;
    uint32_t refusal = refusal_of_given();
    if (refusal != 0) return refusal;
    const uint32_t sold = bw_bank_buy(SLOT_RECEIVED, c->bits, SLOT_BLOCK, bought);
    if (sold != 0) return sold == BANK_E_LIMIT || sold == BANK_E_NO_MEMORY ? CONSTRUCTOR_E_NO_MEMORY : CONSTRUCTOR_E_BAD_BANK;
    not_bound = false;
    if (build(number, c, &plan, bank) == 0) {
        let_go();
        return 0;
    }
    uint32_t rights = 0;
    refusal = refusal_of_given();
    if (refusal == 0 && not_bound && is_a(SLOT_TCB, BW_KIND_TCB, &rights)) refusal = CONSTRUCTOR_E_BAD_SCHEDULE;
    take_back(*bought);
    return refusal != 0 ? refusal : CONSTRUCTOR_E_NO_MEMORY;
}

const char *product_init(void) {
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, BW_PAGE_BITS, 1, BW_SLOT_CNODE, SLOT_START);
    if (error == 0) error = bw_frame_map(SLOT_START, WINDOW, BW_SLOT_VSPACE, READ_WRITE);
    if (error != 0) return "the server's memory does not suffice for the first page of products";
    memcpy((void *)WINDOW, product_start, (size_t)(product_start_end - product_start));
    if (bw_frame_unmap(SLOT_START) != 0 || bw_frame_map(SLOT_START, WINDOW, SLOT_SHELF, BW_RIGHT_READ | BW_MAP_EXECUTE) != 0) return "the first page of products cannot be made";
    /* Tried out: only the kernel knows what this component may give. */
    const uint64_t wanted = bw_arg_number("priority", 50);
    priority = (uint32_t)wanted;
    error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_TCB, 0, 1, BW_SLOT_CNODE, SLOT_TCB);
    if (error == 0) error = bw_tcb_set_priority(SLOT_TCB, priority, priority, BW_SLOT_TCB);
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_TCB);
    return error == 0 && wanted <= 255 ? NULL : "args.priority, that of products: a number that is not above this component's cpu.priority";
}
