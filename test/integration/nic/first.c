/* Has the card, with all rooms lent, until a frame comes that says "end". */
#include <bailiwick.h>
#include <bailiwick/nic.h>

BW_USE(card);

static struct bw_nic nic;

int main(void) {
    static uint8_t frame[BW_NIC_MOST_FRAME];
    if (bw_nic_open(&nic, bw_use_card.cap, 128, BW_ADDRESS_OWN, 1UL << 52) != 0) return 1;
    bw_log("open");
    while (bw_nic_next(&nic, frame) > 0) if (memcmp(frame + 14, "end", 3) == 0) return 0;
    return 2;
}
