/* attenuate.c: makes less of what it has, and tries to get more of that again. */
#include <bailiwick.h>
#include <bailiwick/patterns/lend.h>

BW_USE(console);

enum { FRAME = 128, TABLE, LESS, AGAIN, WEAK_FRAME, WEAK_TABLE, FETCHED, MUTE, LOAN };

static uint32_t rights(bw_cptr cap) {
    uint32_t kind = 0, has = 99;
    (void)bw_discrim_classify(BW_SLOT_DISCRIM, cap, &kind, &has);
    return has;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    (void)bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, FRAME);
    (void)bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_CNODE, 2, 1, BW_SLOT_CNODE, TABLE);
    (void)bw_invoke(TABLE, BW_INV_CNODE_COPY, 3, bw_pair(0, 2), bw_pair(FRAME, BW_DEPTH | BW_ALL_RIGHTS << 8), BW_SLOT_CNODE, 0);

    bw_printf("less: %s %u\n", bw_error_name(bw_attenuate(LESS, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY)), rights(LESS));
    bw_printf("of that all: %s %u\n", bw_error_name(bw_attenuate(AGAIN, LESS, BW_ALL_RIGHTS)), rights(AGAIN));
    bw_printf("weak: %s %u, %s %u, %s\n", bw_error_name(bw_attenuate_weak(WEAK_FRAME, FRAME)), rights(WEAK_FRAME), bw_error_name(bw_attenuate_weak(WEAK_TABLE, TABLE)), rights(WEAK_TABLE), bw_error_name(bw_attenuate_weak(MUTE, BW_SLOT_SERVICE)));
    bw_printf("mapped to write: %s\n", bw_error_name(bw_frame_map(WEAK_FRAME, BW_THREAD_ADDRESSES, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE)));
    /* What stands in a weak table comes out weak, and nothing is put into it. */
    bw_printf("fetched: %s %u\n", bw_error_name(bw_invoke(BW_SLOT_CNODE, BW_INV_CNODE_COPY, 3, bw_pair(FETCHED, BW_DEPTH), bw_pair(0, 2 | BW_ALL_RIGHTS << 8), WEAK_TABLE, 0)), rights(FETCHED));
    bw_printf("mapped to write: %s\n", bw_error_name(bw_frame_map(FETCHED, BW_THREAD_ADDRESSES, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE)));
    bw_printf("put into it: %s\n", bw_error_name(bw_invoke(WEAK_TABLE, BW_INV_CNODE_COPY, 3, bw_pair(1, 2), bw_pair(FRAME, BW_DEPTH | BW_ALL_RIGHTS << 8), BW_SLOT_CNODE, 0)));
    /* What was given cannot be lent: it has a badge, or is memory. */
    bw_printf("lent: %s %s %s\n", bw_error_name(bw_lend(LOAN, bw_use_console.cap, BW_ALL_RIGHTS, 5)), bw_error_name(bw_lend(LOAN, FRAME, BW_ALL_RIGHTS, 5)), bw_error_name(bw_lend(LOAN, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 5)));
    const bw_err taken = bw_take_back(LOAN, BW_SLOT_NOTIFICATION, 5);
    bw_printf("taken back: %s %u\n", bw_error_name(taken), rights(LOAN));
    return 0;
}
