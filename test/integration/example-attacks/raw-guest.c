/*
 * raw-guest.c: a guest's machine that was taken over: in its place, with its network card. It sends frames of any kind (frames.h), says what comes, and in the end takes its window back while
 * the other side has all of its rooms, and frames to send in it; started again, it does the same again.
 */
#include <bailiwick.h>
#include <bailiwick/nic.h>

#include "frames.h"

BW_USE(lan);

enum { SLOTS = 128, SHOWN = 48 };
static struct bw_nic nic;

static void show(const uint8_t *frame, uint32_t bytes) {
    static const char digits[] = "0123456789abcdef";
    char text[2 * SHOWN + 1] = "";
    for (uint32_t i = 0; i < bytes && i < SHOWN; i++) text[2 * i] = digits[frame[i] >> 4], text[2 * i + 1] = digits[frame[i] & 15];
    bw_logf("came %u: %s", bytes, text);
}

static bool send(const void *bytes, uint32_t count) {
    const bool sent = bw_nic_send(&nic, bytes, count);
    bw_nic_announce(&nic);
    return sent;
}

int main(void) {
    static uint8_t frame[BW_NIC_MOST_FRAME];
    const bw_err error = bw_nic_open(&nic, bw_use_lan.cap, SLOTS, BW_ADDRESS_OWN, 1UL << 52);
    bw_logf("opens: %s", bw_error_name(error));
    if (error != 0) return 1;
    /* One after the other, so that those behind it do not depend on how many are taken at a time; what comes last tells that all was looked at. */
    uint32_t next = 0;
    while (next < FRAMES && send(frames[next].bytes, frames[next].count)) next++;
    for (uint32_t bytes; (bytes = bw_nic_next(&nic, frame)) > 0;) {
        show(frame, bytes);
        if (bytes != 14 + 28) continue;
        bw_logf("sent %u", next);
        break;
    }
    /* A frame on its way, and no memory for it, nor for what comes. */
    (void)bw_nic_send(&nic, frames[0].bytes, frames[0].count);
    (void)bw_cnode_revoke(BW_SLOT_CNODE, SLOTS);
    bw_nic_announce(&nic);
    (void)bw_nic_send(&nic, frames[0].bytes, frames[0].count);
    bw_nic_announce(&nic);
    bw_log("has taken its window back");
    return 3;
}
