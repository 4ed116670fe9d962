/* uplinks.c: see uplinks.h. */
#include "uplinks.h"

#include <bailiwick/lent.h>

#include "forward.h"
#include "stations.h"

BW_USE_OPTIONAL(uplink);
BW_USE_OPTIONAL(uplink2);

enum { UPLINK_PIECE = 32 };
_Static_assert((int)UPLINKS_SLOTS == UPLINKS * (int)BW_NIC_SLOTS && (int)UPLINKS == (int)BW_LENT_COVERS, "each has its own");

static struct uplink {
    struct bw_nic nic;
    bool there;
    int cover;
} all[UPLINKS];
static uint32_t used;

const char *uplinks_begin(bw_cptr slots, uint64_t address, uint64_t first_bit) {
    const bw_cptr drivers[UPLINKS] = {bw_use_uplink.cap, bw_use_uplink2.cap};
    for (uint32_t i = 0; i < UPLINKS; i++) {
        if (drivers[i] == 0) continue;
        struct uplink *u = &all[used];
        const uint64_t at = address + used * 2ULL * BW_NIC_WINDOW;
        const bw_err error = bw_nic_open(&u->nic, drivers[i], slots + used * BW_NIC_SLOTS, at, first_bit << used);
        if (error == BW_ERR_NOT_ENOUGH_MEMORY) return "the server's memory does not suffice for an uplink's window";
        if (error != 0) return "an uplink's driver has no network, or another client";
        u->cover = bw_lent_cover(at, u->nic.channel.pages);
        if (u->cover < 0) return "an uplink's channel is larger than it must be";
        u->there = true;
        used++;
    }
    return NULL;
}

uint32_t uplinks(void) { return used; }
bool uplink_is_there(uint32_t uplink) { return all[uplink].there; }

uint64_t uplink_mac(uint32_t uplink) { return mac_of(all[uplink].nic.mac); }

uint32_t uplinks_mtu(void) {
    uint32_t mtu = BW_NIC_MOST_FRAME - BW_NIC_LEAST_FRAME;
    for (uint32_t i = 0; i < used; i++) if (all[i].nic.mtu < mtu) mtu = all[i].nic.mtu;
    return mtu;
}

bool uplinks_up(void) {
    bool up = used == 0;
    for (uint32_t i = 0; i < used; i++) up = up || (all[i].there && all[i].nic.link);
    return up;
}

bool uplink_send(uint32_t uplink, const uint8_t *frame, uint32_t bytes) { return bw_nic_send(&all[uplink].nic, frame, bytes); }

static void lose(uint32_t uplink) {
    all[uplink].there = false;
    stations_forget(PORTS + uplink);
    bw_log("an uplink's driver has ended: the switch goes on without it");
}

bool uplink_turn(uint32_t uplink) {
    static uint64_t frame[1520 / sizeof(uint64_t)];
    struct uplink *u = &all[uplink];
    if (!u->there) return false;
    uint32_t taken = 0;
    for (uint32_t bytes; taken < UPLINK_PIECE && (bytes = bw_nic_receive(&u->nic, frame)) > 0; taken++) forward(PORTS + uplink, (const uint8_t *)frame, bytes);
    if (bw_nic_over(&u->nic) || bw_lent_covered(u->cover)) {
        lose(uplink);
        return false;
    }
    return taken == UPLINK_PIECE;
}

bool uplink_sleeps(uint32_t uplink) { return !all[uplink].there || bw_nic_sleeps(&all[uplink].nic); }
