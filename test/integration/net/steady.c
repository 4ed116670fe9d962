/* A neighbour that means no harm: connections and datagrams, each answer of which it checks. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>

BW_USE(console);
BW_USE(net);

enum { ROUNDS = 60, SLOT_SOCKET = 128, SLOT_UDP, SLOT_LISTENER, MOST = 3000 };

static uint8_t bytes[MOST], back[MOST];

static bool echo(uint32_t round) {
    const size_t count = 1 + round * 47;
    size_t done = 0, got = 0;
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)('A' + (round + i) % 26);
    if (bw_net_send(SLOT_SOCKET, bytes, count, 0, &done) != 0) return false;
    for (size_t have = 0; have < count; have += got) {
        if (bw_net_receive(SLOT_SOCKET, back + have, count - have, 0, &got) != 0 || got == 0) return false;
    }
    return memcmp(bytes, back, count) == 0;
}

/* first: the other side may not have come to its listening yet. */
static uint32_t connect(bool first) {
    uint32_t result = NET_E_REFUSED;
    for (uint32_t n = 0; result == NET_E_REFUSED && n < (first ? 100 : 1); n++) {
        if (n > 0) (void)bw_net_receive_from(SLOT_UDP, NULL, back, MOST, 20, &(size_t){0});
        result = bw_net_connect(bw_use_net.cap, "10.0.2.2", 80, 0, SLOT_SOCKET);
    }
    return result;
}

int main(void) {
    uint32_t wrong = 0, lost = 0, refused = 0;
    bw_console_open(bw_use_console.cap);
    /* The other may not listen yet. */
    while (bw_net_connect(bw_use_net.cap, "10.0.2.2", 80, 0, SLOT_SOCKET) == NET_E_REFUSED) bw_yield();
    (void)bw_net_close(SLOT_SOCKET);
    if (bw_net_udp(bw_use_net.cap, 0, SLOT_UDP) != 0) wrong++;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const struct bw_net_peer to = {0x0a000202, 7};
        size_t count = 0;
        if (round % 10 == 0) {
            if (round > 0) wrong += bw_net_close(SLOT_SOCKET) != 0;
            refused += connect(round == 0) != 0;
        }
        wrong += !echo(round);
        if (bw_net_send_to(SLOT_UDP, to, bytes, 100) != 0 || bw_net_receive_from(SLOT_UDP, NULL, back, MOST, 1000, &count) != 0) lost++;
    }
    bw_printf("steady: %u rounds, %u wrong, %u refused, %s\n", (uint32_t)ROUNDS, wrong, refused, lost < ROUNDS / 2 ? "datagrams came" : "datagrams were lost");
    /* What a client that has ended had is free. */
    uint32_t taken = NET_E_IN_USE;
    for (uint32_t n = 0; n < 40 && taken == NET_E_IN_USE; n++) {
        taken = bw_net_listen(bw_use_net.cap, 5000, 1, SLOT_LISTENER);
        if (taken == NET_E_IN_USE) (void)bw_net_receive_from(SLOT_UDP, NULL, back, MOST, 100, &(size_t){0});
    }
    bw_printf("steady: listens: %u\n", taken);
    return 0;
}
