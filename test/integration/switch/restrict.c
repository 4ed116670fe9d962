/* Makes less of a port, uses that, takes it back, and has the whole again. Each frame that it sends is told by its packet's number. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>
#include <bailiwick/switch.h>

BW_USE(console);
BW_USE(port);
BW_USE(watch);

enum { SLOT_NARROW = 200, SLOT_NARROWER, SLOT_OTHER, SLOT_FIRST = 128, SLOT_SECOND = 160, SLOT_THIRD = 216 };
static struct bw_nic first, second, third;

static void send(struct bw_nic *nic, uint8_t number, uint8_t source, uint8_t port) {
    static uint8_t frame[60];
    memset(frame, 0, sizeof frame);
    frame[0] = 2, frame[5] = 0x77, frame[12] = 8, frame[14] = 0x45, frame[17] = 46, frame[19] = number, frame[22] = 64, frame[23] = 17;
    memcpy(frame + 6, nic->mac, 6);
    frame[26] = frame[30] = 10, frame[28] = frame[32] = 2, frame[29] = source, frame[33] = 2, frame[35] = frame[37] = port, frame[39] = 26;
    (void)bw_nic_send(nic, frame, sizeof frame);
    bw_nic_announce(nic);
}

static uint32_t info(bw_cptr port) {
    const struct bw_msg m = bw_call(port, bw_info(NIC_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    return bw_label(&m);
}

int main(void) {
    struct bw_switch_port sink = {0};
    bw_console_open(bw_use_console.cap);
    /* Somebody is there who will say what came. */
    do bw_yield();
    while (bw_switch_port(bw_use_watch.cap, 1, &sink) != 0 || !sink.open);
    bw_printf("nonsense:");
    static const char *const nonsense[] = {"to nowhere", "isolated\n\nisolated", "monitor"};
    for (uint32_t i = 0; i < 3; i++) bw_printf(" %u", bw_switch_restrict(bw_use_port.cap, nonsense[i], SLOT_OTHER));
    bw_puts("");
    const uint32_t narrow = bw_switch_restrict(bw_use_port.cap, "to 10.0.2.2 udp 7-9", SLOT_NARROW);
    const uint32_t narrower = bw_switch_restrict(SLOT_NARROW, "mac any\nip *\nto * udp 9-100\nto * tcp *", SLOT_NARROWER);
    bw_err error = bw_nic_open(&first, SLOT_NARROWER, SLOT_FIRST, BW_ADDRESS_OWN, 1UL << 52);
    bw_printf("narrow: %u %u, opens: %s", narrow, narrower, bw_error_name(error));
    bw_printf(", the whole meanwhile: %s\n", bw_error_name(bw_nic_open(&second, bw_use_port.cap, SLOT_SECOND, BW_ADDRESS_OWN + 2 * BW_NIC_WINDOW, 1UL << 51)));
    send(&first, 1, 9, 7), send(&first, 2, 9, 8), send(&first, 3, 9, 9), send(&first, 4, 9, 10), send(&first, 5, 8, 9);
    first.mac[5] ^= 1;
    send(&first, 6, 9, 9);
    first.mac[5] ^= 1;
    const uint32_t closed = bw_switch_close(SLOT_NARROW), again = bw_switch_close(SLOT_NARROW);
    bw_printf("closes: %u, again: %u, the whole: %u, under it: ", closed, again, bw_switch_close(bw_use_port.cap));
    bw_printf("info %u, restrict %u, close %u\n", info(SLOT_NARROWER), bw_switch_restrict(SLOT_NARROWER, "isolated", SLOT_OTHER), bw_switch_close(SLOT_NARROWER));
    send(&first, 7, 9, 9);
    (void)bw_nic_sleeps(&first);
    const bool over = bw_nic_over(&first);
    /* From here on the first one's memory is the new channel's. */
    error = bw_nic_open(&third, bw_use_port.cap, SLOT_THIRD, BW_ADDRESS_OWN + 4 * BW_NIC_WINDOW, 1UL << 50);
    bw_printf("the whole opens: %s, the first is over: %d\n", bw_error_name(error), over);
    send(&third, 9, 9, 7), send(&third, 10, 9, 10), send(&third, 11, 8, 9), send(&third, 12, 9, 200);
    bw_printf("restricted\n");
    bw_flush();
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
}
