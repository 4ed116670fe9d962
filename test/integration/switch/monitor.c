/* Says what went through each port, whenever a line is typed; "what" is asked of it. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/switch.h>

BW_USE(console);
BW_USE(watch);

static void show(uint32_t number) {
    static const char *const reasons[BW_SWITCH_REASONS] = {"mac", "source", "arp", "peer", "unknown", "fragment", "isolated", "rate", "reserved", "room", "window"};
    struct bw_switch_port port;
    struct bw_switch_counters c;
    if (bw_switch_port(bw_use_watch.cap, number, &port) != 0 || bw_switch_counters(bw_use_watch.cap, number, &c) != 0) return;
    bw_printf("%s%s%s, %u stations: ", port.name, port.open ? " open" : "", port.uplink ? " uplink" : port.any_mac ? " any" : "", port.stations);
    bw_printf("%lu/%lu sent, %lu/%lu received", c.sent_frames, c.sent_bytes, c.received_frames, c.received_bytes);
    for (uint32_t i = 0; i < BW_SWITCH_REASONS; i++) {
        if (c.sent_dropped[i] > 0) bw_printf(", %lu sent %s", c.sent_dropped[i], reasons[i]);
        if (c.received_dropped[i] > 0) bw_printf(", %lu received %s", c.received_dropped[i], reasons[i]);
    }
    bw_printf("\n");
}

int main(void) {
    uint32_t ports = 0, uplinks = 0;
    bw_console_open(bw_use_console.cap);
    const uint32_t told = bw_switch_info(bw_use_watch.cap, &ports, &uplinks);
    struct bw_switch_port port;
    const struct bw_msg wrong = bw_call(bw_use_watch.cap, bw_info(SWITCH_PORT_RESTRICT, 1, 0), 0, 0, 0, 0);
    bw_printf("%u: %u ports, %u uplinks; beyond: %u, another request: %u\n", told, ports, uplinks, bw_switch_port(bw_use_watch.cap, ports + uplinks, &port), bw_label(&wrong));
    for (bw_cnode_mint(BW_SLOT_CNODE, 140, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1UL << 40);;) {
        bw_flush();
        bw_ipc()->caps[0] = 140;
        (void)bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
        do (void)bw_wait(BW_SLOT_NOTIFICATION);
        while (bw_call(bw_use_console.cap, bw_info(CONSOLE_READ, 1, 0), 100, 0, 0, 0).w[0] == 0);
        for (uint32_t i = 0; i < ports + uplinks; i++) show(i);
        bw_puts("that is all");
    }
}
