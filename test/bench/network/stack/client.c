/*
 * The client of `npm run bench -- network` for connections and datagrams: says when each pattern begins and ends, and counts what comes. The far end has echo at port 7,
 * discard at 9, and at 19 as many bytes as are expected, once one has come. args: count: segments or datagrams of each pattern.
 */
#include <bailiwick.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>

BW_USE(net);

enum { ECHO = 7, DISCARD = 9, SOURCE = 19, SEGMENT = 1460, SLOT_SOCKET = 128 };
#define FAR 0x0a000202U

static uint8_t bytes[8192];

static void fail(const char *what) {
    bw_log(what);
    bw_exit(1);
}

static void receive_all(uint64_t count) {
    while (count > 0) {
        size_t done = 0;
        if (bw_net_receive(SLOT_SOCKET, bytes, sizeof bytes, 0, &done) != 0 || done == 0 || done > count) fail("failed: not all bytes came");
        count -= done;
    }
}

static void send_all(uint64_t count) {
    while (count > 0) {
        const size_t piece = count < sizeof bytes ? count : sizeof bytes;
        size_t done = 0;
        if (bw_net_send(SLOT_SOCKET, bytes, piece, 0, &done) != 0) fail("failed: a connection broke");
        count -= piece;
    }
}

static void begin_stream(uint16_t port) {
    if (bw_net_connect(bw_use_net.cap, "10.0.2.2", port, 0, SLOT_SOCKET) != 0) fail("failed: no connection");
}

static void end_stream(void) {
    size_t done = 1;
    if (bw_net_shutdown(SLOT_SOCKET) != 0 || bw_net_receive(SLOT_SOCKET, bytes, 1, 0, &done) != 0 || done != 0) fail("failed: a connection did not end");
    if (bw_net_close(SLOT_SOCKET) != 0) fail("failed: a connection was not closed");
}

static void tcp_send(const char *name, uint32_t count) {
    begin_stream(DISCARD);
    bw_log(name);
    send_all((uint64_t)count * SEGMENT);
    bw_log("end");
    end_stream();
}

static void tcp_receive(const char *name, uint32_t count) {
    begin_stream(SOURCE);
    bw_log(name);
    send_all(1);
    receive_all((uint64_t)count * SEGMENT);
    bw_log("end");
    end_stream();
}

static void tcp_echo(const char *name, uint32_t size, uint32_t count) {
    begin_stream(ECHO);
    bw_log(name);
    for (uint32_t i = 0; i < count; i++) send_all(size), receive_all(size);
    bw_log("end");
    end_stream();
}

/* `full`: all places are with the driver. */
static void send_datagram(uint16_t port, uint32_t size) {
    uint32_t result;
    while ((result = bw_net_send_to(SLOT_SOCKET, (struct bw_net_peer){FAR, port}, bytes, size)) == NET_E_FULL) bw_yield();
    if (result != 0) fail("failed: a datagram was refused");
}

static void udp(const char *name, uint16_t port, uint32_t size, uint32_t depth, uint32_t count) {
    if (bw_net_udp(bw_use_net.cap, 0, SLOT_SOCKET) != 0) fail("failed: no socket");
    bw_log(name);
    for (uint32_t sent = 0; sent < count; sent += depth) {
        for (uint32_t i = 0; i < depth; i++) send_datagram(port, size);
        for (uint32_t i = 0; i < depth && port == ECHO; i++) {
            size_t came = 0;
            if (bw_net_receive_from(SLOT_SOCKET, NULL, bytes, sizeof bytes, 5000, &came) != 0 || came != size) fail("failed: a datagram did not come back");
        }
    }
    bw_log("end");
    if (bw_net_close(SLOT_SOCKET) != 0) fail("failed: a socket was not closed");
}

int main(void) {
    const uint32_t count = (uint32_t)bw_arg_number("count", 256);
    /* Until everything has been run, and is compiled, it is something else that is measured. */
    tcp_send("warm", count);
    udp("warm", ECHO, 1472, 8, count);
    tcp_send("tcp.send", count);
    tcp_receive("tcp.receive", count);
    tcp_echo("tcp.alone.64", 64, count);
    udp("udp.send.1472", DISCARD, 1472, 8, count);
    udp("udp.send.64", DISCARD, 64, 8, count);
    udp("udp.echo.1472", ECHO, 1472, 8, count);
    udp("udp.echo.64", ECHO, 64, 8, count);
    udp("udp.alone.64", ECHO, 64, 1, count);
    return 0;
}
