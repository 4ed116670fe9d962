/* Sends back every frame that comes, with the addresses exchanged. */
#include <bailiwick.h>
#include <bailiwick/nic.h>

BW_USE(card);

static struct bw_nic nic;

int main(void) {
    static uint8_t frame[BW_NIC_MOST_FRAME];
    if (bw_nic_open(&nic, bw_use_card.cap, 128, BW_ADDRESS_OWN, 1UL << 52) != 0) return 1;
    for (uint32_t bytes; (bytes = bw_nic_next(&nic, frame)) > 0;) {
        uint8_t other[6];
        memcpy(other, frame, 6);
        memcpy(frame, frame + 6, 6);
        memcpy(frame + 6, other, 6);
        (void)bw_nic_send(&nic, frame, bytes);
    }
    return 2;
}
