/* Makes objects of every kind until its memory or its slots are gone, frees all of them, and does it again. */
#include <bailiwick.h>

BW_USE(console);

enum { FIRST = 128, LAST = 255, ROUNDS = 40 };

/* How many fit, and what the kernel said to the next. */
static uint32_t fill(uint32_t kind, uint32_t bits, bw_err *error) {
    uint32_t made = 0;
    for (bw_cptr slot = FIRST; slot <= LAST; slot++, made++) {
        *error = bw_untyped_retype(BW_SLOT_UNTYPED, kind, bits, 1, BW_SLOT_CNODE, slot);
        if (*error != 0) return made;
    }
    return made;
}

int main(void) {
    static const struct {
        const char *name;
        uint32_t kind, bits;
    } kinds[] = {{"frame", BW_KIND_FRAME, 12}, {"page table", BW_KIND_PAGE_TABLE, 0}, {"CNode", BW_KIND_CNODE, 8}, {"TCB", BW_KIND_TCB, 0}, {"VSpace", BW_KIND_VSPACE, 0},
                 {"Untyped", BW_KIND_UNTYPED, 14}, {"endpoint", BW_KIND_ENDPOINT, 0}, {"scheduling context", BW_KIND_SCHED_CONTEXT, 0}};
    bw_console_open(bw_use_console.cap);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        bw_err error = 0;
        uint32_t first = 0, same = 0;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            const uint32_t made = fill(kinds[k].kind, kinds[k].bits, &error);
            if (round == 0) first = made;
            same += made == first;
            (void)bw_cnode_revoke(BW_SLOT_CNODE, BW_SLOT_UNTYPED);
        }
        bw_printf("memory: %s: %u each time, %u of %u times\n", kinds[k].name, first, same, ROUNDS);
        if (error != 0) bw_printf("memory: then %s\n", bw_error_name(error));
    }
    return 0;
}
