/* stranger.c: borrows a diary, passes pages on, and tries to keep what it had. */
#include "reading.h"

BW_USE(console);
BW_USE(owner);
BW_USE(accomplice);

enum { SLOT_FACET = 128, SLOT_DIARY, SLOT_PAGE, SLOT_AGAIN, SLOT_COPY };

/* A call whose answer brings a capability into this slot. */
static uint32_t fetch(bw_cptr slot, bw_cptr from, uint32_t label, uint64_t word) {
    bw_receive_slots(slot, 1);
    const struct bw_msg m = bw_call(from, bw_info(label, 1, 0), word, 0, 0, 0);
    return bw_error(&m) != 0 ? UINT32_MAX : bw_label(&m);
}

static void accomplice(uint32_t label, uint32_t caps) {
    bw_flush();
    bw_ipc()->caps[0] = SLOT_PAGE;
    (void)bw_call(bw_use_accomplice.cap, bw_info(label, 0, caps), 0, 0, 0, 0);
}

int main(void) {
    uint32_t same = 0;
    bw_console_open(bw_use_console.cap);

    bw_puts("-- a facet: the diary with one method");
    if (fetch(SLOT_FACET, bw_use_owner.cap, LENDING_FACET, 0) != 0) return 1;
    look("stranger", "page 0", SLOT_FACET, 0);
    bw_printf("stranger: opening page 0: %s\n", fetch(SLOT_PAGE, SLOT_FACET, DIARY_OPEN, 0) == PATTERNS_E_NOT_ALLOWED ? "not allowed" : "!");

    bw_puts("-- a membrane: the diary with all its methods, and whatever comes of them");
    if (fetch(SLOT_DIARY, bw_use_owner.cap, LENDING_MEMBRANE, 0) != 0) return 2;
    look("stranger", "page 0", SLOT_DIARY, 0);
    bw_printf("stranger: opening page 1: %s\n", fetch(SLOT_PAGE, SLOT_DIARY, DIARY_OPEN, 1) == 0 ? "done" : "!");
    look("stranger", "the page's own capability", SLOT_PAGE, 0);
    (void)fetch(SLOT_AGAIN, SLOT_DIARY, DIARY_OPEN, 1);
    (void)bw_discrim_same(BW_SLOT_DISCRIM, SLOT_PAGE, SLOT_AGAIN, &same);
    bw_printf("stranger: opened again it is %s capability\n", same == 3 ? "the same" : "another");
    /* Two ways to keep it: one more copy, and somebody whom the owner has never heard of. */
    (void)bw_cnode_copy(BW_SLOT_CNODE, SLOT_COPY, BW_SLOT_CNODE, SLOT_PAGE, BW_ALL_RIGHTS);
    accomplice(ACCOMPLICE_KEEP, 1);
    accomplice(ACCOMPLICE_USE, 0);

    bw_puts("-- and everything is taken back");
    bw_flush();
    (void)bw_call(bw_use_owner.cap, bw_info(LENDING_DONE, 0, 0), 0, 0, 0, 0);
    look("stranger", "the diary", SLOT_DIARY, 0);
    look("stranger", "the page", SLOT_PAGE, 0);
    look("stranger", "my copy of it", SLOT_COPY, 0);
    accomplice(ACCOMPLICE_USE, 0);
    look("stranger", "the facet, which is another loan", SLOT_FACET, 0);
    bw_flush();
    return 0;
}
