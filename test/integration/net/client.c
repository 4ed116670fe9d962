/* A client of the near stack: says hello to the far one over TCP and UDP, and tries what it may not do. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>

BW_USE(console);
BW_USE(net);
BW_USE(web);
BW_USE(none);
BW_USE(named);
BW_USE(pings);
BW_USE(hub);

enum { SLOT_SOCKET = 128, SLOT_OTHER, SLOT_VIEW, SLOT_UDP };
enum { BULK = 100000 };

static uint8_t bytes[2048];
/* How often something was asked again, since a cable may lose what nobody repeats. One that is plain loses nothing. */
static uint32_t again;

static uint32_t ping(uint64_t net, const char *host, uint32_t count, struct bw_net_echo *echo) {
    uint32_t result = bw_net_ping(net, host, count, 0, echo);
    for (uint32_t tries = 1; result == NET_E_TIMEOUT && tries < 5; tries++, again++) result = bw_net_ping(net, host, count, 0, echo);
    return result;
}

/* A tenth of a second: nobody answers there. */
static void wait_a_little(void) { (void)bw_net_ping(bw_use_net.cap, "10.0.2.9", 0, 100, NULL); }

static uint32_t talk(void) {
    size_t done = 0, count = 0;
    uint32_t wrong = bw_net_send(SLOT_SOCKET, "hello", 5, 0, &done);
    if (wrong == 0) wrong = bw_net_receive(SLOT_SOCKET, bytes, sizeof bytes, 0, &count);
    bytes[count] = 0;
    bw_printf("said hello: %u, heard %s\n", wrong, (const char *)bytes);
    return wrong;
}

/* Both directions at once, more than either side's buffers hold. */
static void bulk(void) {
    size_t sent = 0, back = 0, count = 0, done = 0;
    uint32_t wrong = 0, refusal = 0;
    while (back < BULK && refusal == 0) {
        if (sent < BULK) {
            for (size_t i = 0; i < BW_NET_PIECE; i++) bytes[i] = (uint8_t)('a' + (sent + i) % 26);
            const size_t piece = BULK - sent < BW_NET_PIECE ? BULK - sent : BW_NET_PIECE;
            refusal = bw_net_send(SLOT_SOCKET, bytes, piece, 0, &done);
            sent += done;
        }
        if (sent - back < 8192 && sent < BULK) continue;
        if (refusal == 0) refusal = bw_net_receive(SLOT_SOCKET, bytes, sizeof bytes, 0, &count);
        if (count == 0) break;
        for (size_t i = 0; i < count; i++) wrong += bytes[i] != (uint8_t)('A' + (back + i) % 26);
        back += count;
    }
    bw_printf("bulk: %lu back, %u wrong, %u\n", back, wrong, refusal);
}

static void pings(void) {
    const uint32_t sizes[] = {0, 56, 1472, 1473};
    struct bw_net_echo echo = {0};
    for (uint32_t n = 0; n < 4; n++) {
        const uint32_t result = ping(bw_use_pings.cap, "10.0.2.2", sizes[n], &echo);
        bw_printf("ping of %u: %u from %x, %s\n", sizes[n], result, echo.address, echo.microseconds > 0 && echo.microseconds < 5000000 ? "timed" : "no time");
    }
    uint32_t address = 0;
    const uint32_t by_name = ping(bw_use_pings.cap, "web.test", 8, &echo), found = bw_net_resolve(bw_use_pings.cap, "web.test", 0, &address);
    bw_printf("by name: %u from %x, found: %u %x, none: %u, in silence: %u, no name: %u\n", by_name, echo.address, found, address, bw_net_ping(bw_use_net.cap, "none.test", 8, 0, NULL),
              bw_net_ping(bw_use_net.cap, "hushed.test", 8, 500, NULL), bw_net_ping(bw_use_net.cap, "10.0.2.256", 8, 0, NULL));
    bw_printf("not allowed: host %u, name %u, by others %u %u, connect %u %u, udp %u\n", bw_net_ping(bw_use_pings.cap, "10.0.2.3", 8, 0, NULL), bw_net_ping(bw_use_pings.cap, "none.test", 8, 0, NULL),
              bw_net_ping(bw_use_web.cap, "10.0.2.2", 8, 0, NULL), bw_net_ping(bw_use_none.cap, "10.0.2.2", 8, 0, NULL), bw_net_connect(bw_use_pings.cap, "10.0.2.2", 80, 0, SLOT_OTHER),
              bw_net_connect(bw_use_pings.cap, "web.test", 80, 0, SLOT_OTHER), bw_net_udp(bw_use_pings.cap, 0, SLOT_OTHER));
    bw_printf("restricted: %u %u, then %u, beyond it: %u; itself: %u, nobody there: %u, everybody: %u, at once: %u\n", bw_net_restrict(bw_use_pings.cap, "ping 10.0.2.0/24", SLOT_VIEW),
              bw_net_restrict(bw_use_net.cap, "ping 10.0.2.0/24", SLOT_VIEW), ping(SLOT_VIEW, "10.0.2.2", 8, NULL), bw_net_ping(SLOT_VIEW, "10.0.3.2", 8, 0, NULL),
              bw_net_ping(bw_use_net.cap, "10.0.2.15", 8, 0, NULL), bw_net_ping(bw_use_net.cap, "10.0.2.9", 8, 500, NULL), bw_net_ping(SLOT_VIEW, "10.0.2.255", 8, 0, NULL),
              bw_net_ping(SLOT_VIEW, "10.0.2.9", 8, BW_NET_NOW, NULL));
    (void)bw_net_close(SLOT_VIEW);
}

/* This side has said all; the other still answers, and then ends too. */
static void half(void) {
    size_t done = 0, count = 1, all = 0;
    const uint32_t shut = bw_net_send(SLOT_SOCKET, "the last words", 14, 0, &done) == 0 ? bw_net_shutdown(SLOT_SOCKET) : 99;
    uint32_t result = 0;
    while (result == 0 && count > 0) result = bw_net_receive(SLOT_SOCKET, bytes, sizeof bytes, 0, &count), all += count;
    bw_printf("half closed: %u, %lu back, %u, send: %u\n", shut, all, result, bw_net_send(SLOT_SOCKET, "x", 1, 0, &done));
}

static void datagrams(void) {
    struct bw_net_peer from = {0};
    size_t count = 0;
    const struct bw_net_peer to = {.address = 0x0a000202, .port = 7};
    bw_printf("udp: %u\n", bw_net_udp(bw_use_net.cap, 0, SLOT_UDP));
    const size_t sizes[] = {0, 5, 928, 1472, 1473};
    for (uint32_t n = 0; n < 5; n++) {
        uint32_t sent = 0, got = NET_E_TIMEOUT;
        /* A cable may lose a datagram where others crowd it out, and bring it twice. */
        for (uint32_t tries = 0; sent == 0 && got == NET_E_TIMEOUT && tries < 3; tries++) {
            again += tries > 0;
            for (size_t i = 0; i < sizes[n]; i++) bytes[i] = (uint8_t)(i * 7 + n);
            sent = bw_net_send_to(SLOT_UDP, to, bytes, sizes[n]);
            memset(bytes, 0, sizeof bytes);
            got = 0;
            for (uint32_t twice = 0; sent == 0 && got == 0 && (twice == 0 || count != sizes[n]) && twice < 100; twice++) got = bw_net_receive_from(SLOT_UDP, &from, bytes, sizeof bytes, 3000, &count);
        }
        uint32_t wrong = 0;
        for (size_t i = 0; sent == 0 && i < count; i++) wrong += bytes[i] != (uint8_t)(i * 7 + n);
        bw_printf("datagram of %lu: %u %u, %lu back from %x:%u, %u wrong\n", sizes[n], sent, got, count, from.address, from.port, wrong);
    }
}

static void names(void) {
    uint32_t address = 0;
    const uint32_t found = bw_net_resolve(bw_use_named.cap, "Web.Test", 0, &address);
    bw_printf("name: %u %x, another's: %u, by address: %u, at another port: %u\n", found, address, bw_net_resolve(bw_use_named.cap, "other.test", 0, &address), bw_net_connect(bw_use_named.cap, "10.0.2.2", 80, 0, SLOT_SOCKET),
              bw_net_connect(bw_use_named.cap, "web.test", 81, 0, SLOT_SOCKET));
    bw_printf("none: %u, silent: %u\n", bw_net_resolve(bw_use_named.cap, "none.test", 0, &address), bw_net_resolve(bw_use_named.cap, "silent.test", 500, &address));
    for (uint32_t i = 0; i < 7; i++) {
        address = 0;
        const uint32_t lied = bw_net_resolve(bw_use_named.cap, "liar.test", 900, &address);
        if (lied == 0 && address != 0x0a000202) bw_printf("a lie was believed: %x\n", address);
    }
    /* What was given up is still asked for until the stack gives it up, too: so long there may be no place for another name. */
    uint32_t by_name;
    while ((by_name = bw_net_connect(bw_use_named.cap, "web.test", 80, 0, SLOT_SOCKET)) == NET_E_FULL) wait_a_little();
    bw_printf("by name: %u\n", by_name);
    (void)talk();
    bw_printf("closed: %u\n", bw_net_close(SLOT_SOCKET));
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    struct bw_net_info info;
    bw_printf("info: %u %x %x link %u\n", bw_net_info(bw_use_net.cap, &info), info.address, info.mask, info.link);
    /* The other may not listen yet. */
    uint32_t made;
    while ((made = bw_net_connect(bw_use_web.cap, "10.0.2.2", 80, 0, SLOT_SOCKET)) == NET_E_REFUSED) wait_a_little();
    bw_printf("connect: %u\n", made);
    (void)talk();
    bulk();
    half();
    bw_printf("close: %u\n", bw_net_close(SLOT_SOCKET));
    datagrams();
    pings();
    names();

    bw_printf("not allowed: port %u, host %u, name %u, udp %u, listen %u, nothing %u\n", bw_net_connect(bw_use_web.cap, "10.0.2.2", 81, 0, SLOT_OTHER), bw_net_connect(bw_use_web.cap, "10.0.2.3", 80, 0, SLOT_OTHER),
              bw_net_connect(bw_use_web.cap, "example.org", 80, 0, SLOT_OTHER), bw_net_udp(bw_use_web.cap, 0, SLOT_OTHER), bw_net_listen(bw_use_web.cap, 80, 1, SLOT_OTHER), bw_net_connect(bw_use_none.cap, "10.0.2.2", 80, 0, SLOT_OTHER));
    bw_printf("restrict wider: %u, nonsense: %u, narrower: %u\n", bw_net_restrict(bw_use_web.cap, "connect *:80", SLOT_VIEW), bw_net_restrict(bw_use_net.cap, "connect 10.0.2.256:80", SLOT_VIEW),
              bw_net_restrict(bw_use_net.cap, "connect 10.0.0.0/16:70-90\nudp 10.0.2.2:7", SLOT_VIEW));
    bw_printf("narrower: %u, beyond it: %u, and again: %u\n", bw_net_connect(SLOT_VIEW, "10.0.2.2", 80, 0, SLOT_SOCKET), bw_net_connect(SLOT_VIEW, "10.1.2.2", 80, 0, SLOT_OTHER), bw_net_restrict(SLOT_VIEW, "all", SLOT_OTHER));
    (void)talk();
    bw_printf("closed: %u %u\n", bw_net_close(SLOT_SOCKET), bw_net_close(SLOT_VIEW));
    bw_printf("refused: %u, nobody there: %u, no such place: %u, itself: %u\n", bw_net_connect(bw_use_net.cap, "10.0.2.2", 81, 0, SLOT_OTHER), bw_net_connect(bw_use_net.cap, "10.0.2.9", 80, 500, SLOT_OTHER),
              bw_net_connect(bw_use_net.cap, "192.168.1.1", 80, 0, SLOT_OTHER), bw_net_connect(bw_use_net.cap, "10.0.2.15", 80, 0, SLOT_OTHER));

    size_t done = 0, count = 0;
    bw_printf("connect: %u\n", bw_net_connect(bw_use_net.cap, "10.0.2.2", 80, 0, SLOT_SOCKET));
    (void)bw_call(bw_use_hub.cap, bw_info(9, 1, 0), 1, 0, 0, 0);
    const uint32_t sent = bw_net_send(SLOT_SOCKET, "are you there?", 14, 0, &done);
    const uint32_t heard = bw_net_receive(SLOT_SOCKET, bytes, sizeof bytes, 0, &count);
    bw_printf("the peer vanished: %u %u, and then %u\n", sent, heard, bw_net_send(SLOT_SOCKET, "?", 1, 0, &done));
    (void)bw_call(bw_use_hub.cap, bw_info(9, 1, 0), 0, 0, 0, 0);
    const struct bw_msg m = bw_call(bw_use_hub.cap, bw_info(10, 0, 0), 0, 0, 0, 0);
    bw_printf("asked again: %u\n", again);
    if (m.w[1] > 0) bw_printf("%lu frames of nonsense\n", m.w[1]);
    return 0;
}
