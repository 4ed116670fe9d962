/* The other host: gives back what it is sent, on TCP port 80 with its letters large, on UDP port 7 as it is; on TCP port 9 it takes all and is silent. */
#include <bailiwick.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>
#include <bailiwick/console.h>

BW_USE(console);
BW_USE(net);

enum { SLOT_BELL = 128, SLOT_TCP, SLOT_UDP, SLOT_SINK, SLOT_SOCKET, SLOT_THREAD = 140 };

static void serve_datagrams(void) {
    static uint8_t bytes[BW_NET_DATAGRAM];
    struct bw_net_peer from;
    size_t count = 0;
    while (bw_net_receive_from(SLOT_UDP, &from, bytes, sizeof bytes, 1, &count) == 0) (void)bw_net_send_to(SLOT_UDP, from, bytes, count);
}

/* One connection at a time, as long as it is there; datagrams between its pieces. */
static void serve_stream(void) {
    static uint8_t bytes[BW_NET_PIECE];
    size_t count = 0, done = 0;
    uint32_t result;
    for (;;) {
        serve_datagrams();
        result = bw_net_receive(SLOT_SOCKET, bytes, sizeof bytes, 20, &count);
        if (result == NET_E_TIMEOUT) continue;
        if (result != 0 || count == 0) break;
        for (size_t i = 0; i < count; i++) if (bytes[i] >= 'a' && bytes[i] <= 'z') bytes[i] = (uint8_t)(bytes[i] - 32);
        if (bw_net_send(SLOT_SOCKET, bytes, count, 0, &done) != 0) break;
    }
    (void)bw_net_close(SLOT_SOCKET);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const uint32_t tcp = bw_net_listen(bw_use_net.cap, 80, 4, SLOT_TCP), udp = bw_net_udp(bw_use_net.cap, 7, SLOT_UDP), sink = bw_net_listen(bw_use_net.cap, 9, 1, SLOT_SINK);
    if (tcp != 0 || udp != 0 || sink != 0) bw_printf("server: %u %u %u\n", tcp, udp, sink);
    for (;;) {
        serve_datagrams();
        if (bw_net_accept(SLOT_TCP, 20, SLOT_SOCKET, NULL) == 0) serve_stream();
    }
}
