/*
 * patterns/lend.h: less of a capability, and a capability that can be taken back, by the kernel alone: a call through either costs nothing more.
 *
 * What the kernel can take back: Revoke deletes what descends from a capability, and a plain copy has no descendants; the first of a badge has all its copies,
 * whoever has passed them on (caps/model/derivation.ts). So an endpoint or a notification is lent from a capability to it that has no badge yet: that of what a
 * program has made itself, or BW_SLOT_SERVICE. What it was given has a badge, or is a frame, and can be lent through a gate or a membrane only.
 */
#pragma once
#include <stdbool.h>

#include <bailiwick/objects.h>

/* A copy with these rights at most, for ever: neither its holder nor whoever has it from him gets more of it. */
static inline bw_err bw_attenuate(bw_cptr to, bw_cptr from, uint32_t rights) { return bw_cnode_copy(BW_SLOT_CNODE, to, BW_SLOT_CNODE, from, rights); }

/* A copy of a Frame or a CNode that never writes; what is fetched through it does not either. Others: InvalidArgument. */
static inline bw_err bw_attenuate_weak(bw_cptr to, bw_cptr from) { return bw_cnode_copy(BW_SLOT_CNODE, to, BW_SLOT_CNODE, from, BW_RIGHT_READ | BW_RIGHT_GRANT | BW_RIGHT_WEAK); }

/*
 * Fills the empty slot `loan` with a capability to be given away: of the endpoint or notification in `from`, which has no badge. The badge is not 0, and nobody
 * else's on that object. The loan's slot is kept: it is what takes back. Error IllegalOperation: `from` has a badge, or is something else.
 */
bw_err bw_lend(bw_cptr loan, bw_cptr from, uint32_t rights, uint64_t badge);

/*
 * Takes it back from everybody, and empties the slot; `from` and `badge` as it was lent. Who waits in line at the endpoint is sent away too (Cancelled); who was
 * received is the server's to answer. So when this has returned nothing more comes that was sent by it, but for a signal that was made before.
 */
bw_err bw_take_back(bw_cptr loan, bw_cptr from, uint64_t badge);
