/* lent.c: copying from and to memory that may go away, and the keeper that notices. L1 to L3: lent.h. */
#include <bailiwick.h>
#include <bailiwick/lent.h>

enum { PC = 0, BUDGET_US = 1000, PERIOD_US = 10000, MOST_PRIORITY = 255 };
enum { ENDPOINT, KEEPER, REPLY, CONTEXT, THREAD, FRAMES = THREAD + BW_THREAD_SLOTS(BW_LENT_STACK_PAGES) };
_Static_assert(FRAMES + BW_LENT_COVERS * BW_LENT_COVER_PAGES == BW_LENT_SLOTS, "all slots are there");

/*
 * The copy, as the keeper must know it: between bw_lent_copy and bw_lent_failed nothing but a0..a2 and temporaries is used, and ra is the caller's, so a thread that is put to
 * bw_lent_failed anywhere in it returns false to the caller. By words where both addresses allow it.
 */
__asm__(".section .text.bw_lent_copy, \"ax\", @progbits\n"
        ".balign 4\n"
        ".globl bw_lent_copy, bw_lent_failed\n"
        ".type bw_lent_copy, @function\n"
        "bw_lent_copy:\n"
        "    or t0, a0, a1\n"
        "    andi t0, t0, 7\n"
        "    bnez t0, 5f\n"
        "    li t0, 32\n"
        "1:  bltu a2, t0, 2f\n"
        "    ld t1, 0(a1)\n"
        "    ld t2, 8(a1)\n"
        "    ld t3, 16(a1)\n"
        "    ld t4, 24(a1)\n"
        "    sd t1, 0(a0)\n"
        "    sd t2, 8(a0)\n"
        "    sd t3, 16(a0)\n"
        "    sd t4, 24(a0)\n"
        "    addi a1, a1, 32\n"
        "    addi a0, a0, 32\n"
        "    addi a2, a2, -32\n"
        "    j 1b\n"
        "2:  li t0, 8\n"
        "3:  bltu a2, t0, 5f\n"
        "    ld t1, 0(a1)\n"
        "    sd t1, 0(a0)\n"
        "    addi a1, a1, 8\n"
        "    addi a0, a0, 8\n"
        "    addi a2, a2, -8\n"
        "    j 3b\n"
        "4:  lbu t1, 0(a1)\n"
        "    sb t1, 0(a0)\n"
        "    addi a1, a1, 1\n"
        "    addi a0, a0, 1\n"
        "    addi a2, a2, -1\n"
        "5:  bnez a2, 4b\n"
        "    li a0, 1\n"
        "    ret\n"
        "bw_lent_failed:\n"
        "    li a0, 0\n"
        "    ret\n"
        ".size bw_lent_copy, .-bw_lent_copy\n"
        ".previous\n");
extern const char bw_lent_failed[];

/* The program's own; its keeper looks at it while the first thread stands still. */
static struct bw_lent_room place;
static struct cover {
    uint64_t address;
    uint32_t pages;
    volatile bool gone;
} covers[BW_LENT_COVERS];
static uint32_t covers_used;

/* L2. */
static bool cover_page(uint64_t address) {
    for (uint32_t i = 0; i < covers_used; i++) {
        const uint64_t page = (address - covers[i].address) / BW_PAGE;
        if (address < covers[i].address || page >= covers[i].pages) continue;
        covers[i].gone = true;
        return bw_frame_map(place.slots + FRAMES + i * BW_LENT_COVER_PAGES + page, covers[i].address + page * BW_PAGE, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) == 0;
    }
    return false;
}

/* True: the first thread may go on. */
static bool mend(uint32_t fault, uint64_t pc, uint64_t address) {
    const uint64_t failed = (uint64_t)bw_lent_failed;
    if (fault != BW_FAULT_VM_FAULT) return false;
    if (pc >= (uint64_t)&bw_lent_copy && pc < failed && address >= place.from && address < place.to) return bw_tcb_write_registers(BW_SLOT_TCB, PC, &failed, 1, false) == 0;
    return cover_page(address);
}

static void keep(void *unused) {
    (void)unused;
    struct bw_msg m = bw_recv(place.slots + ENDPOINT, place.slots + REPLY);
    for (;;) {
        if (bw_error(&m) != 0) bw_exit(1);
        if (!mend(bw_label(&m), m.w[0], m.w[1])) {
            bw_logf("fault %u at %lx, of %lx", bw_label(&m), m.w[0], m.w[1]);
            bw_exit(1);
        }
        m = bw_reply_recv(place.slots + ENDPOINT, place.slots + REPLY, bw_info(0, 0, 0), 0, 0, 0, 0);
    }
}

/* The most that this program may: a fault is mended before anything else of it goes on. */
static bw_err give_priority(bw_cptr tcb) {
    bw_err error = BW_ERR_RANGE_ERROR;
    for (uint32_t priority = MOST_PRIORITY; error != 0 && priority > 0; priority--) error = bw_tcb_set_priority(tcb, priority, priority, BW_SLOT_TCB);
    return error;
}

bw_err bw_lent_begin(const struct bw_lent_room *room) {
    static struct bw_thread thread;
    const struct bw_thread_room stack = {.untyped = BW_SLOT_UNTYPED, .slots = room->slots + THREAD, .address = room->thread_address, .stack_pages = BW_LENT_STACK_PAGES};
    place = *room;
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, BW_SLOT_CNODE, place.slots + ENDPOINT);
    if (error == 0) error = bw_cnode_mint(BW_SLOT_CNODE, place.slots + KEEPER, BW_SLOT_CNODE, place.slots + ENDPOINT, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY, 1);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1, BW_SLOT_CNODE, place.slots + REPLY);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, BW_SLOT_CNODE, place.slots + CONTEXT);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, BW_PAGE_BITS, BW_LENT_COVERS * BW_LENT_COVER_PAGES, BW_SLOT_CNODE, place.slots + FRAMES);
    if (error == 0) error = bw_thread_make(&thread, &stack, "keeper", 0);
    if (error == 0) error = bw_sched_control_configure(place.time, place.slots + CONTEXT, BUDGET_US, PERIOD_US, 0);
    if (error == 0) error = bw_cnode_delete(BW_SLOT_CNODE, place.time);
    if (error == 0) error = bw_sched_context_bind(place.slots + CONTEXT, thread.tcb);
    if (error == 0) error = give_priority(thread.tcb);
    if (error == 0) error = bw_thread_start(&thread, keep, NULL);
    return error == 0 ? bw_tcb_set_space(BW_SLOT_TCB, place.slots + KEEPER, BW_SLOT_CNODE, BW_SLOT_VSPACE) : error;
}

int bw_lent_cover(uint64_t address, uint32_t pages) {
    if (covers_used == BW_LENT_COVERS || pages > BW_LENT_COVER_PAGES) return -1;
    covers[covers_used] = (struct cover){.address = address, .pages = pages};
    return (int)covers_used++;
}

bool bw_lent_covered(int cover) { return cover >= 0 && covers[cover].gone; }
