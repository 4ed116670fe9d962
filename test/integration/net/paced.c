/* Sends and gets back as much as it can for a second and a half, over TCP, by datagrams, or over TCP without ever waiting in the server; says how many bytes it was, both ways. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>
#include <bailiwick/timer.h>

BW_USE(console);
BW_USE(net);
BW_USE(timer);

enum { SLOT_SOCKET = 128, SLOT_BELL, SLOT_VIEW, BYTES = 900, LONG_MS = 1500 };

static uint8_t bytes[BYTES], back[BYTES];
static uint64_t wrong;

static uint64_t now(void) { return bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0).w[0] / 1000000; }

/* With a timeout of BW_NET_NOW: again when the bell rings. */
static void move(bool sends, uint64_t timeout) {
    size_t done = 0;
    for (size_t at = 0; at < BYTES; at += done) {
        done = 0;
        const uint32_t result = sends ? bw_net_send(SLOT_SOCKET, bytes + at, BYTES - at, timeout, &done) : bw_net_receive(SLOT_SOCKET, back + at, BYTES - at, timeout, &done);
        if (result == NET_E_TIMEOUT) (void)bw_wait(BW_SLOT_NOTIFICATION);
        else if (result != 0) {
            wrong++;
            return;
        }
    }
}

int main(void) {
    const char *how = bw_arg("how");
    uint64_t total = 0, round = 0;
    bw_console_open(bw_use_console.cap);
    const bool datagrams = strcmp(how, "datagrams") == 0;
    if (strcmp(how, "bell") == 0) (void)bw_net_watch(bw_use_net.cap, SLOT_BELL, 1UL << 45);
    /* What is made of the capability uses up the same. */
    if (bw_net_restrict(bw_use_net.cap, "connect 10.0.2.2:80\nudp 10.0.2.2:7", SLOT_VIEW) != 0) return 1;
    if (datagrams) (void)bw_net_udp(SLOT_VIEW, 0, SLOT_SOCKET);
    else while (bw_net_connect(SLOT_VIEW, "10.0.2.2", 80, 0, SLOT_SOCKET) == NET_E_REFUSED) bw_yield();
    const uint64_t begin = now(), timeout = strcmp(how, "bell") == 0 ? BW_NET_NOW : 0;
    for (; now() < begin + LONG_MS; round++) {
        size_t count = 0;
        for (size_t i = 0; i < BYTES; i++) bytes[i] = (uint8_t)('A' + (round + i) % 26);
        if (datagrams) {
            wrong += bw_net_send_to(SLOT_SOCKET, (struct bw_net_peer){0x0a000202, 7}, bytes, BYTES) != 0;
            total += BYTES;
            if (bw_net_receive_from(SLOT_SOCKET, NULL, back, BYTES, 1000, &count) == 0) total += count;
            continue;
        }
        move(true, timeout);
        move(false, timeout);
        total += 2UL * BYTES;
        wrong += memcmp(bytes, back, BYTES) != 0;
    }
    bw_printf("%s: %lu bytes in %lu ms, %lu wrong\n", bw_name(), total, now() - begin, wrong);
    return 0;
}
