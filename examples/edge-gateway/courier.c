/*
 * courier.c: fetches a page for the firewall, and gives it what comes. It has the network server's capability for the hosts that the manifest names, and the firewall's for work: no
 * terminal, no log, no guest. What strangers send is looked at here, in an address space of its own.
 *
 * Source: RFC 9112, of which: a request of HTTP/1.0, so that the answer is not in chunks and ends with the connection.
 */
#include <bailiwick.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>

#include "protocol.h"

BW_USE(net);
BW_USE(work);

enum { SLOT_BELL = 128, SLOT_SOCKET, HEAD = 4096, TEXT = 700, PIECE = 800, PATIENCE_MS = 5000 };
enum { WHY_NOBODY = 1, WHY_NO_ANSWER, WHY_NOT_HTTP, WHY_NOT_ALLOWED };
#define BELL_BIT (1ULL << 45)

static struct {
    uint64_t number;
    uint16_t port;
    char host[TEXT + 1], path[TEXT + 1];
} page;
static char head[HEAD + 1];

/* Waits until there is something to fetch. */
static bool take(void) {
    const struct bw_msg m = bw_call_buffer(bw_use_work.cap, WORK_TAKE, 0, 0);
    if (bw_error(&m) != 0) bw_exit(1);
    if (bw_label(&m) != 0 || m.w[2] > m.w[3] || m.w[3] > TEXT) return false;
    const uint8_t *bytes = (const uint8_t *)&bw_ipc()->words[4];
    memset(&page, 0, sizeof page);
    page.number = m.w[0], page.port = (uint16_t)m.w[1];
    memcpy(page.host, bytes, m.w[2]);
    memcpy(page.path, bytes + m.w[2], m.w[3] - m.w[2]);
    return true;
}

/* False: it is not wanted any more. */
static bool give(const void *bytes, size_t count) {
    for (size_t at = 0; at < count;) {
        const size_t piece = count - at < PIECE ? count - at : PIECE;
        uint64_t *words = bw_ipc()->words;
        words[0] = page.number, words[1] = piece;
        memcpy(&words[2], (const uint8_t *)bytes + at, piece);
        const struct bw_msg m = bw_call_buffer(bw_use_work.cap, WORK_PIECE, (uint32_t)(2 + (piece + 7) / 8), 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) return false;
        at += piece;
    }
    return true;
}

static void done(uint64_t status, uint64_t why) { (void)bw_call(bw_use_work.cap, bw_info(WORK_DONE, 3, 0), page.number, status, why, 0); }

static uint64_t why_of(uint32_t refusal) {
    switch (refusal) {
    case NET_E_NOT_ALLOWED: return WHY_NOT_ALLOWED;
    case NET_E_TIMEOUT: return WHY_NO_ANSWER;
    default: return WHY_NOBODY;
    }
}

static uint32_t ask(void) {
    const char *const parts[] = {"GET ", page.path, " HTTP/1.0\r\nHost: ", page.host, "\r\nConnection: close\r\n\r\n"};
    size_t sent = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const uint32_t refusal = bw_net_send(SLOT_SOCKET, parts[i], strlen(parts[i]), PATIENCE_MS, &sent);
        if (refusal != 0) return refusal;
    }
    return 0;
}

/* Behind the empty line; 0: there is none yet. */
static size_t end_of_head(size_t have) {
    for (size_t i = 3; i < have; i++) if (memcmp(&head[i - 3], "\r\n\r\n", 4) == 0) return i + 1;
    return 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* 0: this is no head of HTTP's. */
static uint64_t status_of(size_t have) {
    if (have < 12 || strncmp(head, "HTTP/1.", 7) != 0 || head[8] != ' ' || head[9] < '1' || !is_digit(head[9]) || !is_digit(head[10]) || !is_digit(head[11])) return 0;
    return (uint64_t)(head[9] - '0') * 100 + (uint64_t)(head[10] - '0') * 10 + (uint64_t)(head[11] - '0');
}

static void fetch(void) {
    size_t have = 0, body = 0, count = 0;
    uint32_t refusal = bw_net_connect(bw_use_net.cap, page.host, page.port, PATIENCE_MS, SLOT_SOCKET);
    if (refusal != 0) return done(0, why_of(refusal));
    refusal = ask();
    while (refusal == 0 && body == 0 && have < HEAD) {
        refusal = bw_net_receive(SLOT_SOCKET, head + have, HEAD - have, PATIENCE_MS, &count);
        if (refusal == 0 && count == 0) break;
        have += refusal == 0 ? count : 0;
        body = end_of_head(have);
    }
    const uint64_t status = status_of(have);
    if (refusal != 0) done(0, why_of(refusal));
    else if (body == 0 || status == 0) done(0, WHY_NOT_HTTP);
    else if (give(head + body, have - body)) {
        while ((refusal = bw_net_receive(SLOT_SOCKET, head, HEAD, PATIENCE_MS, &count)) == 0 && count > 0) if (!give(head, count)) break;
        if (refusal != 0) done(0, why_of(refusal));
        else if (count == 0) done(status, 0);
    }
    (void)bw_net_close(SLOT_SOCKET);
}

int main(void) {
    struct bw_net_info info = {0};
    /* The network server rings when there is an address. */
    (void)bw_net_watch(bw_use_net.cap, SLOT_BELL, BELL_BIT);
    while (bw_net_info(bw_use_net.cap, &info) == 0 && info.address == 0) (void)bw_wait(BW_SLOT_NOTIFICATION);
    for (;;) if (take()) fetch();
}
