/* Pings a neighbour that lies: what is believed of each answer. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net.h>

BW_USE(console);
BW_USE(net);

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_printf("answers:");
    for (uint32_t kind = 0; kind < 20; kind++) bw_printf(" %u", bw_net_ping(bw_use_net.cap, "10.0.2.2", kind, 300, NULL));
    bw_printf("\n");
    return 0;
}
