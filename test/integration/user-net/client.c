/* Gets an address, asks a server of the computer's for a page, tries what it may not, and asks again until nobody answers. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net.h>

BW_USE(console);
BW_USE(net);

enum { SLOT_SOCKET = 128, SLOT_UDP };

static char bytes[2048];

/* What a wire sum of the answer's bytes would be: their number and FNV-1a over them. */
static void page(uint16_t port) {
    static const char request[] = "GET /page HTTP/1.0\r\n\r\n";
    size_t done = 0, count = 0, all = 0;
    uint32_t hash = 2166136261U;
    uint32_t wrong = bw_net_connect(bw_use_net.cap, "10.0.2.2", port, 5000, SLOT_SOCKET);
    if (wrong != 0) {
        bw_printf("connect: %u\n", wrong);
        return;
    }
    wrong = bw_net_send(SLOT_SOCKET, request, sizeof request - 1, 0, &done);
    while (wrong == 0) {
        wrong = bw_net_receive(SLOT_SOCKET, bytes, sizeof bytes, 10000, &count);
        if (wrong != 0 || count == 0) break;
        for (size_t i = 0; i < count; i++) hash = (hash ^ (uint8_t)bytes[i]) * 16777619U;
        all += count;
    }
    bw_printf("page: %u, %lu bytes, %x\n", wrong, all, hash);
    (void)bw_net_close(SLOT_SOCKET);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const uint16_t port = (uint16_t)bw_arg_number("port", 0), closed = (uint16_t)bw_arg_number("closed", 0);
    struct bw_net_info info = {0};
    do bw_yield();
    while (bw_net_info(bw_use_net.cap, &info) != 0 || info.address == 0);
    bw_printf("address %x %x by %x\n", info.address, info.mask, info.gateway);
    page(port);
    page(closed);
    struct bw_net_peer from = {0};
    size_t count = 0;
    (void)bw_net_udp(bw_use_net.cap, 0, SLOT_UDP);
    (void)bw_net_send_to(SLOT_UDP, (struct bw_net_peer){.address = 0x0a000202, .port = port}, "hello", 5);
    const uint32_t wrong = bw_net_receive_from(SLOT_UDP, &from, bytes, sizeof bytes, 5000, &count);
    bytes[count] = 0;
    bw_printf("datagram: %u, %s from %x\n", wrong, bytes, from.address);
    bw_printf("elsewhere: %u\n", bw_net_connect(bw_use_net.cap, "192.0.2.1", 80, 5000, SLOT_SOCKET));
    uint32_t address = 0;
    bw_printf("a name: %u\n", bw_net_resolve(bw_use_net.cap, "name.example", 5000, &address));
    bw_printf("ping: %u, elsewhere: %u\n", bw_net_ping(bw_use_net.cap, "10.0.2.2", 56, 5000, NULL), bw_net_ping(bw_use_net.cap, "192.0.2.1", 56, 5000, NULL));
    for (;;) page(port);
}
