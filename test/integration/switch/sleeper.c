/* Opens its port, lends all its rooms, and takes nothing. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/nic.h>

BW_USE(console);
BW_USE(port);

static struct bw_nic nic;

int main(void) {
    bw_console_open(bw_use_console.cap);
    const bw_err error = bw_nic_open(&nic, bw_use_port.cap, 128, BW_ADDRESS_OWN, 1UL << 52);
    bw_printf("sleeper-station opens: %s, mac ", bw_error_name(error));
    for (uint32_t i = 0; i < sizeof nic.mac; i++) bw_printf("%02x", nic.mac[i]);
    bw_puts("");
    bw_flush();
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
}
