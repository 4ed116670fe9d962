/* mirror.c: sends each frame of the workers' type back to whom it came from. */
#include <bailiwick.h>
#include <bailiwick/nic.h>

BW_USE(port);

int main(void) {
    static struct bw_nic nic;
    static uint8_t frame[BW_NIC_MOST_FRAME];
    if (bw_nic_open(&nic, bw_use_port.cap, 128, BW_ADDRESS_OWN, 1UL << 52) != 0) return 1;
    for (uint32_t bytes; (bytes = bw_nic_next(&nic, frame)) > 0;) {
        if (frame[12] != 0x88 || frame[13] != 0xb5) continue;
        memcpy(frame, frame + 6, 6);
        memcpy(frame + 6, nic.mac, 6);
        (void)bw_nic_send(&nic, frame, bytes);
    }
    return 1;
}
