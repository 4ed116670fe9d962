/*
 * pager.c: memory policy as a program. It makes two children in address spaces that hold nothing, and is their keeper: each page fault comes here as a
 * message, and the child goes on when it is answered. What a page holds, who shares it and which one has to go is decided here.
 */
#include <bailiwick.h>

#include "child.h"
#include "store.h"

BW_USE(console);
BW_USE(time);

enum { ENDPOINT = 130, KEEPERS, CSPACES = KEEPERS + CHILDREN, CNODES = CSPACES + CHILDREN, VSPACES = CNODES + CHILDREN, TCBS = VSPACES + CHILDREN, CONTEXTS = TCBS + CHILDREN, REPLIES = CONTEXTS + CHILDREN };
_Static_assert(REPLIES + CHILDREN <= 150, "the store's slots begin at 150");
/* Pages of the template that child a writes, and child b. */
enum { WRITTEN = (TEMPLATE_PAGES + 1) / 2 + (TEMPLATE_PAGES + 2) / 3 };
enum { CNODE_BITS = 2, CPTR_BITS = 32, PRIORITY = 50, FETCH = 0, STORE = 2 };
/* A child that computes for longer is ended: the other one waits for it. */
enum { TURN_US = 10000, MOST_TURNS = 300 };
enum { READ = BW_RIGHT_READ, READ_WRITE = BW_RIGHT_READ | BW_RIGHT_WRITE, READ_EXECUTE = BW_RIGHT_READ | BW_MAP_EXECUTE };

extern const char bw_text_end[], bw_constants_end[];

static struct {
    uint32_t text, constants, shared, copied, raised, zero, evicted, again;
} count;
static struct {
    bool started, waiting, over;
    uint32_t turns;
    uint64_t before, after, heap;
} children[CHILDREN];
/* One child runs at a time, and the other waits for the answer to its last step: so this program prints the same each time. */
static int running;

static bw_err make(int n) {
    const bw_cptr i = (bw_cptr)n;
    bw_err error = bw_cnode_mint(BW_SLOT_CNODE, KEEPERS + i, BW_SLOT_CNODE, ENDPOINT, BW_ALL_RIGHTS, i + 1);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_CNODE, CNODE_BITS, 1, BW_SLOT_CNODE, CNODES + i);
    /* A guard makes a CPtr of the child's a plain slot number. */
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, CSPACES + i, BW_SLOT_CNODE, CNODES + i, BW_ALL_RIGHTS, bw_pair(0, CPTR_BITS - CNODE_BITS));
    if (error == 0) error = bw_invoke(CSPACES + i, BW_INV_CNODE_COPY, 3, bw_pair(PAGER, CPTR_BITS), bw_pair(KEEPERS + i, CPTR_BITS | (BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY) << 8), BW_SLOT_CNODE, 0);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_VSPACE, 0, 1, BW_SLOT_CNODE, VSPACES + i);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_TCB, 0, 1, BW_SLOT_CNODE, TCBS + i);
    if (error == 0) error = bw_tcb_set_label(TCBS + i, n == 0 ? "child a" : "child b");
    if (error == 0) error = bw_tcb_set_space(TCBS + i, KEEPERS + i, CSPACES + i, VSPACES + i);
    if (error == 0) error = bw_tcb_set_priority(TCBS + i, PRIORITY, 0, BW_SLOT_TCB);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, CONTEXTS + i);
    if (error == 0) error = bw_sched_control_configure(bw_use_time.cap, CONTEXTS + i, TURN_US, TURN_US, 0);
    if (error == 0) error = bw_tcb_set_timeout_keeper(TCBS + i, KEEPERS + i);
    if (error == 0) error = bw_sched_context_bind(CONTEXTS + i, TCBS + i);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, REPLIES + i);
    return error;
}

static void start(int n) {
    const bw_cptr tcb = TCBS + (bw_cptr)n;
    uint64_t gp;
    __asm__("mv %0, gp" : "=r"(gp));
    const uint64_t stack[] = {STACK_TOP, gp}, number = (uint64_t)n, pc = (uint64_t)&child;
    children[n].started = true;
    (void)bw_tcb_write_registers(tcb, 2, stack, 2, false);
    (void)bw_tcb_write_registers(tcb, 10, &number, 1, false);
    (void)bw_tcb_write_registers(tcb, 0, &pc, 1, true);
}

/* What there is at a page, in every child's address space. */
struct region {
    uint64_t from, to;
    uint32_t rights;
    enum { TEXT, CONSTANTS, TEMPLATE, ZERO } kind;
};
static const struct region *region_of(uint64_t page) {
    static struct region regions[5];
    regions[0] = (struct region){BW_ADDRESS_TEXT, (uint64_t)bw_text_end, READ_EXECUTE, TEXT};
    regions[1] = (struct region){((uint64_t)bw_text_end + PAGE - 1) & ~(PAGE - 1UL), (uint64_t)bw_constants_end, READ, CONSTANTS};
    regions[2] = (struct region){(uint64_t)template, (uint64_t)template + sizeof template, READ_WRITE, TEMPLATE};
    regions[3] = (struct region){STACK_TOP - STACK_PAGES * PAGE, STACK_TOP, READ_WRITE, ZERO};
    regions[4] = (struct region){HEAP, HEAP + HEAP_PAGES * PAGE, READ_WRITE, ZERO};
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        if (page >= regions[i].from && page < regions[i].to) return &regions[i];
    }
    return NULL;
}

static bool allowed(const struct region *region, uint64_t access) {
    if (region == NULL) return false;
    if (access == FETCH) return (region->rights & BW_MAP_EXECUTE) != 0;
    return access != STORE || (region->rights & BW_RIGHT_WRITE) != 0;
}

static void tell(uint32_t *counter, uint64_t page) {
    static uint64_t known[128];
    static uint32_t most;
    (*counter)++;
    /* Pages that were here before and have to be fetched once more. */
    for (uint32_t i = 0; i < most; i++) {
        if (known[i] == page) return (void)count.again++;
    }
    if (most < sizeof known / sizeof known[0]) known[most++] = page;
}

/* A page of the program's own that the children only read: one frame for all. */
static bw_err share(int n, uint64_t page, const struct region *region, uint32_t *counter) {
    struct frame *f = store_find(page, ~0U);
    if (f != NULL && !f->clean) f = NULL;
    if (f == NULL) {
        f = store_take(&count.evicted);
        if (f == NULL) return BW_ERR_NOT_ENOUGH_MEMORY;
        const bw_err error = store_fill(f, (const void *)page);
        if (error != 0) return error;
        f->clean = true;
        tell(counter, page);
    }
    return store_show(f, n, VSPACES + (bw_cptr)n, page, region->kind == TEXT ? READ_EXECUTE : READ);
}

/* A page that the child has for itself, to write. */
static bw_err own(int n, uint64_t page, const void *content) {
    if (!store_allows(n)) return BW_ERR_NOT_ENOUGH_MEMORY;
    struct frame *f = store_take(&count.evicted);
    if (f == NULL) return BW_ERR_NOT_ENOUGH_MEMORY;
    const bw_err error = store_fill(f, content);
    f->clean = false;
    return error == 0 ? store_show(f, n, VSPACES + (bw_cptr)n, page, READ_WRITE) : error;
}

static bw_err write_template(int n, uint64_t page) {
    struct frame *f = store_find(page, 1U << n);
    if (f != NULL && f->seen_by == 1U << n) {
        /* Nobody else sees it: it becomes the child's own as it is. */
        if (f->clean && !store_allows(n)) return BW_ERR_NOT_ENOUGH_MEMORY;
        count.raised++;
        f->clean = false;
        return store_show(f, n, VSPACES + (bw_cptr)n, page, READ_WRITE);
    }
    if (f != NULL) store_hide(f, n);
    count.copied++;
    return own(n, page, (const void *)page);
}

static bw_err resolve(int n, uint64_t page, const struct region *region, uint64_t access) {
    switch (region->kind) {
    case TEXT:
        return share(n, page, region, &count.text);
    case CONSTANTS:
        return share(n, page, region, &count.constants);
    case TEMPLATE:
        return access == STORE ? write_template(n, page) : share(n, page, region, &count.shared);
    default:
        count.zero++;
        return own(n, page, NULL);
    }
}

static void answer(int n) { (void)bw_send(REPLIES + (bw_cptr)n, bw_info(0, 0, 0), 0, 0, 0, 0); }

/* Child n waits or is over: the other one goes on, or n itself when it is the last. */
static void switch_from(int n) {
    running = children[1 - n].over ? n : 1 - n;
    if (children[running].over) return;
    if (!children[running].started) return start(running);
    children[running].waiting = false;
    answer(running);
}

static void end(int n) {
    children[n].over = true;
    (void)bw_tcb_suspend(TCBS + (bw_cptr)n);
    switch_from(n);
}

static void page_fault(int n, const struct bw_msg *m) {
    const uint64_t address = m->w[1], page = address & ~(PAGE - 1UL);
    const struct region *region = region_of(page);
    const bw_err error = allowed(region, m->w[2]) ? resolve(n, page, region, m->w[2]) : BW_ERR_INVALID_ARGUMENT;
    if (error == 0) return answer(n);
    static const char *const accesses[] = {"fetch from", "load from", "store to"};
    bw_printf("child %c is ended: %s 0x%lx, %s\n", 'a' + n, accesses[m->w[2] % 3], address, region == NULL ? "where it has nothing" : bw_error_name(error));
    end(n);
}

static void message(int n, const struct bw_msg *m) {
    switch (bw_label(m)) {
    case BW_FAULT_VM_FAULT:
        return page_fault(n, m);
    case BW_FAULT_TIMEOUT:
        if (++children[n].turns <= MOST_TURNS) return answer(n);
        bw_printf("child %c is ended: it used up its time\n", 'a' + n);
        return end(n);
    case STEP:
        children[n].waiting = true;
        return switch_from(n);
    case RESULT:
        children[n].before = m->w[0], children[n].after = m->w[1], children[n].heap = m->w[2];
        return answer(n);
    case DONE:
        return end(n);
    default:
        bw_printf("child %c is ended: %s\n", 'a' + n, bw_fault_name(bw_label(m)));
        return end(n);
    }
}

static bool report(uint64_t untouched) {
    bool right = template_sum() == untouched;
    bw_printf("the template is %s\n", right ? "as it was" : "changed");
    for (int n = 0; n < CHILDREN; n++) {
        const uint64_t number = (uint64_t)n;
        const bool own = children[n].before == untouched && children[n].after == template_sum_after(number) && children[n].heap == number * HEAP_PAGES * PAGE_WORDS;
        bw_printf("child %c saw its own writes and nobody else's: %s\n", 'a' + n, own ? "yes" : "no");
        right = right && own;
    }
    /* Exact numbers depend on the compiler; what must have happened does not. */
    const bool demand = count.text > 0 && count.constants > 0 && count.zero > 0, copies = count.copied > 0 && count.copied + count.raised == WRITTEN, out = count.evicted > 0 && count.again > 0;
    bw_printf("paged on demand: %s\n", demand ? "text, constants, stack and heap" : "not all");
    bw_printf("copied on write: %u pages\n", count.copied + count.raised);
    bw_printf("paged out, and in again: %s\n", out ? "yes" : "no");
    return right && demand && copies && out;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    for (uint64_t i = 0; i < TEMPLATE_PAGES * PAGE_WORDS; i++) template[i] = i * i + 1;
    const uint64_t untouched = template_sum();
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, ENDPOINT);
    if (error == 0) error = store_open(BW_SLOT_UNTYPED);
    for (int n = 0; n < CHILDREN && error == 0; n++) error = make(n);
    if (error != 0) {
        bw_printf("could not make the children: %s\n", bw_error_name(error));
        return 2;
    }
    start(running);
    while (!children[0].over || !children[1].over) {
        const struct bw_msg m = bw_recv(ENDPOINT, REPLIES + (bw_cptr)running);
        if (bw_error(&m) != 0 || (int)m.badge != running + 1) return 3;
        message(running, &m);
    }
    return report(untouched) ? 0 : 1;
}
