/* A station that is led by hand: what comes with type 88b6 holds a frame, which it sends as it is; of everything else it says what came. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/nic.h>

BW_USE(console);
BW_USE(port);

enum { TYPE = 0x88b6, SHOWN = 20 };
static struct bw_nic nic;

int main(void) {
    static uint8_t frame[BW_NIC_MOST_FRAME];
    bw_console_open(bw_use_console.cap);
    const bw_err error = bw_nic_open(&nic, bw_use_port.cap, 128, BW_ADDRESS_OWN, 1UL << 52);
    bw_printf("%s opens: %s, mac ", bw_name(), bw_error_name(error));
    for (uint32_t i = 0; i < sizeof nic.mac; i++) bw_printf("%02x", nic.mac[i]);
    bw_printf(", packets of %u, link %u\n", nic.mtu, nic.link);
    bw_flush();
    for (uint32_t bytes; error == 0 && (bytes = bw_nic_next(&nic, frame)) > 0;) {
        const uint32_t length = (uint32_t)frame[14] << 8 | frame[15];
        if (((uint32_t)frame[12] << 8 | frame[13]) == TYPE && bytes >= 16 && length <= bytes - 16) {
            (void)bw_nic_send(&nic, frame + 16, length);
            bw_nic_announce(&nic);
            continue;
        }
        bw_printf("%s got %u: ", bw_name(), bytes);
        for (uint32_t i = 0; i < SHOWN && i < bytes; i++) bw_printf("%02x", frame[i]);
        bw_printf("\n");
        bw_flush();
    }
    bw_printf("%s ends\n", bw_name());
    return 0;
}
