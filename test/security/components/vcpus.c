/* Makes VCPUs, which are dear, until its memory is gone, frees all of them, and does it again. */
#include <bailiwick.h>

BW_USE(console);

enum { FIRST = 128, ROUNDS = 10 };

int main(void) {
    bw_console_open(bw_use_console.cap);
    uint32_t first = 0, same = 0;
    bw_err error = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t made = 0;
        while ((error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_VCPU, 0, 1, BW_SLOT_CNODE, FIRST + made)) == 0) made++;
        if (round == 0) first = made;
        same += made == first;
        (void)bw_cnode_revoke(BW_SLOT_CNODE, BW_SLOT_UNTYPED);
    }
    bw_printf("vcpus: %u each time, %u of %u times, then %s\n", first, same, ROUNDS, bw_error_name(error));
    return 0;
}
