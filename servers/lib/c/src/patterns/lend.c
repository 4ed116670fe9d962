/* lend.c: loans, by the kernel's derivation. */
#include <bailiwick.h>
#include <bailiwick/patterns/lend.h>

bw_err bw_lend(bw_cptr loan, bw_cptr from, uint32_t rights, uint64_t badge) {
    /* With badge 0 it would be a plain copy, which takes nothing back. */
    if (badge == 0) return BW_ERR_INVALID_ARGUMENT;
    return bw_cnode_mint(BW_SLOT_CNODE, loan, BW_SLOT_CNODE, from, rights, badge);
}

bw_err bw_take_back(bw_cptr loan, bw_cptr from, uint64_t badge) {
    bw_err error = bw_cnode_revoke(BW_SLOT_CNODE, loan);
    if (error == 0) error = bw_cnode_delete(BW_SLOT_CNODE, loan);
    /* Only one with all rights sends away who waits in line. A notification has no line, and refuses. */
    if (error == 0) error = bw_lend(loan, from, BW_ALL_RIGHTS, badge);
    if (error != 0) return error;
    (void)bw_cnode_cancel_badged_sends(BW_SLOT_CNODE, loan);
    return bw_cnode_delete(BW_SLOT_CNODE, loan);
}
