/*
 * The other host: gives back what it is sent, on TCP port 80 with its letters large, on UDP port 7 as it is; on TCP port 9 it takes connections and is silent; on UDP port 53 it is a name
 * server that knows web.test, says that there is no none.test, is silent about silent.test and hushed.test, and lies in many ways about what begins with "liar".
 */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>

BW_USE(console);
BW_USE(net);

enum { PLACES = 24, SLOT_BELL = 128, SLOT_TCP, SLOT_UDP, SLOT_DNS, SLOT_SINK, SLOT_ACCEPTED, SLOT_SOCKETS };

static struct place {
    bool used;
    size_t from, count;
    uint8_t bytes[BW_NET_PIECE];
} places[PLACES];

static void give_back_datagrams(void) {
    static uint8_t bytes[BW_NET_DATAGRAM];
    struct bw_net_peer from;
    size_t count = 0;
    while (bw_net_receive_from(SLOT_UDP, &from, bytes, sizeof bytes, BW_NET_NOW, &count) == 0) (void)bw_net_send_to(SLOT_UDP, from, bytes, count);
}

/* A question of one name (RFC 1035, 4.1): its answer in place. */
static size_t name_answer(uint8_t *q, size_t count) {
    static uint32_t lies;
    static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 2, 2};
    if (count < 18 || count + 64 > BW_NET_DATAGRAM) return 0;
    const bool liar = q[12] == 4 && memcmp(q + 13, "liar", 4) == 0;
    q[2] = 0x81, q[3] = 0x80;
    if (q[12] == 6) return 0; /* silent, hushed */
    if (q[12] == 4 && !liar) {
        q[3] = 0x83;
        return count;
    }
    q[7] = 1;
    memcpy(q + count, record, sizeof record);
    count += sizeof record;
    if (!liar) return count;
    switch (lies++ % 7) {
    case 0: q[count - 15] = 12, q[12] = 0xc0, q[13] = 12; return count;  /* a name that is itself */
    case 1: q[count - 5] = 200; return count;                            /* data beyond the end */
    case 2: q[6] = 0xff, q[7] = 0xff; return count;                      /* more answers than there are */
    case 3: q[0] ^= 0x55; return count;                                  /* of another question */
    case 4: return 13;                                                   /* cut short */
    case 5: q[12] = 63; return count;                                    /* a label beyond the end */
    default: q[5] = 0; return count;                                     /* no question */
    }
}

static void name_servers_work(void) {
    static uint8_t bytes[BW_NET_DATAGRAM];
    struct bw_net_peer from;
    size_t count = 0;
    while (bw_net_receive_from(SLOT_DNS, &from, bytes, sizeof bytes, BW_NET_NOW, &count) == 0) {
        const size_t answer = name_answer(bytes, count);
        if (answer > 0) (void)bw_net_send_to(SLOT_DNS, from, bytes, answer);
    }
}

static void give_back(uint32_t i) {
    struct place *p = &places[i];
    for (uint32_t n = 0; p->used && n < 64; n++) {
        size_t done = 0;
        uint32_t result = 0;
        if (p->from == p->count) {
            result = bw_net_receive(SLOT_SOCKETS + i, p->bytes, sizeof p->bytes, BW_NET_NOW, &p->count);
            p->from = 0;
            if (result == NET_E_TIMEOUT) return;
            if (result != 0 || p->count == 0) p->used = false, (void)bw_net_close(SLOT_SOCKETS + i);
            for (size_t k = 0; k < p->count; k++) if (p->bytes[k] >= 'a' && p->bytes[k] <= 'z') p->bytes[k] = (uint8_t)(p->bytes[k] - 32);
        }
        if (p->used) result = bw_net_send(SLOT_SOCKETS + i, p->bytes + p->from, p->count - p->from, BW_NET_NOW, &done);
        p->from += done;
        if (result == NET_E_TIMEOUT) return;
        if (result != 0) p->used = false, (void)bw_net_close(SLOT_SOCKETS + i);
    }
    /* Others first; and then again. */
    if (p->used) (void)bw_signal(SLOT_BELL);
}

static void let_in(void) {
    for (uint32_t i = 0; i < PLACES; i++) {
        if (places[i].used) continue;
        if (bw_net_accept(SLOT_TCP, BW_NET_NOW, SLOT_SOCKETS + i, NULL) != 0) return;
        places[i] = (struct place){.used = true};
    }
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const uint32_t watched = bw_net_watch(bw_use_net.cap, SLOT_BELL, 1UL << 45), tcp = bw_net_listen(bw_use_net.cap, 80, 16, SLOT_TCP), udp = bw_net_udp(bw_use_net.cap, 7, SLOT_UDP);
    const uint32_t dns = bw_net_udp(bw_use_net.cap, 53, SLOT_DNS), sink = bw_net_listen(bw_use_net.cap, 9, 4, SLOT_SINK);
    if (watched != 0 || tcp != 0 || udp != 0 || dns != 0 || sink != 0) bw_printf("server: %u %u %u %u %u\n", watched, tcp, udp, dns, sink);
    for (;;) {
        bw_flush();
        (void)bw_wait(BW_SLOT_NOTIFICATION);
        give_back_datagrams();
        name_servers_work();
        let_in();
        for (uint32_t i = 0; i < PLACES; i++) give_back(i);
    }
}
