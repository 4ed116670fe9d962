/*
 * An HTTP server. All that it can do is take connections at port 80: the network server knows no other rule for it, so a hole in what follows gives a visitor
 * this program's own pages, and no way on into the network.
 *
 * One thread and PLACES connections: it sleeps until the network server rings, and then looks at each without waiting. A visitor who is slow, or says nothing, has a place until
 * somebody else wants it.
 * Source: RFC 9112, of which: one request a connection, no body, answers with their length.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>

BW_USE(console);
BW_USE(net);

enum { PLACES = 8, WAITING = 24, PORT = 80, HEAD = 2048, SLOT_BELL = 128, SLOT_LISTENER, SLOT_ACCEPTED, SLOT_VISITORS };
#define BELL_BIT (1ULL << 45)

static struct visitor {
    bool here;
    uint64_t since;
    struct bw_net_peer peer;
    /* What was read of the request's head. */
    size_t count;
    char head[HEAD];
} visitors[PLACES];
static uint64_t visits, pages;

struct page {
    uint32_t status;
    const char *reason, *body;
};

static const struct page bad = {400, "Bad Request", "This is no request.\n"}, not_there = {404, "Not Found", "There is no such page.\n"}, not_allowed = {405, "Method Not Allowed", "GET and HEAD are all there is.\n"},
                         too_long = {431, "Request Header Fields Too Large", "Too much.\n"};

static char *put(char *to, const char *text) {
    const size_t length = strlen(text);
    memcpy(to, text, length);
    return to + length;
}

static char *put_number(char *to, uint64_t number) {
    char digits[20];
    size_t count = 0;
    do digits[count++] = (char)('0' + number % 10); while ((number /= 10) > 0);
    while (count > 0) *to++ = digits[--count];
    return to;
}

/* Where the request's first line ends, or its head; -1: not yet. */
static long end_of(const struct visitor *v, const char *mark) {
    const size_t length = strlen(mark);
    for (size_t i = 0; i + length <= v->count; i++) if (memcmp(v->head + i, mark, length) == 0) return (long)i;
    return -1;
}

/* The page that the first line asks for. *head: without its body. */
static struct page page_for(const struct visitor *v, bool *head) {
    static char counted[128];
    const char *line = v->head;
    const long end = end_of(v, "\r\n");
    long method = 0, path;
    while (method < end && line[method] != ' ') method++;
    for (path = method + 1; path < end && line[path] != ' '; path++) {}
    /* METHOD PATH HTTP/1.x */
    if (method == 0 || path - method < 2 || line[method + 1] != '/' || end - path != 9 || memcmp(line + path + 1, "HTTP/1.", 7) != 0) return bad;
    *head = method == 4 && memcmp(line, "HEAD", 4) == 0;
    if (!*head && (method != 3 || memcmp(line, "GET", 3) != 0)) return not_allowed;
    const size_t length = (size_t)(path - method - 1);
    if (length == 1) return (struct page){200, "OK", "A capability named 'listen 80' made this page.\n"};
    if (length != 7 || memcmp(line + method + 1, "/visits", 7) != 0) return not_there;
    *put(put_number(put(counted, "visits: "), visits), "\n") = 0;
    return (struct page){200, "OK", counted};
}

static void answer(uint32_t place, const struct page *page, bool head) {
    static char text[512];
    size_t done = 0;
    char *to = put(put_number(put(text, "HTTP/1.1 "), page->status), " ");
    to = put(put(to, page->reason), "\r\nContent-Type: text/plain\r\nConnection: close\r\n");
    if (page->status == 405) to = put(to, "Allow: GET, HEAD\r\n");
    to = put(put_number(put(to, "Content-Length: "), strlen(page->body)), "\r\n\r\n");
    if (!head) to = put(to, page->body);
    /* It fits into the socket's buffer, which is empty. */
    (void)bw_net_send(SLOT_VISITORS + place, text, (size_t)(to - text), BW_NET_NOW, &done);
    pages++;
}

static void leave(uint32_t place) {
    (void)bw_net_close(SLOT_VISITORS + place);
    visitors[place].here = false;
}

/* Reads on; answers when the head is whole. */
static void attend(uint32_t place) {
    struct visitor *v = &visitors[place];
    while (v->here) {
        size_t got = 0;
        bool head = false;
        const uint32_t result = bw_net_receive(SLOT_VISITORS + place, v->head + v->count, HEAD - v->count, BW_NET_NOW, &got);
        if (result == NET_E_TIMEOUT) return;
        v->count += got;
        const bool whole = end_of(v, "\r\n\r\n") >= 0;
        if (result == 0 && got > 0 && !whole && v->count < HEAD) continue;
        if (whole) {
            const struct page page = page_for(v, &head);
            answer(place, &page, head);
        } else if (v->count == HEAD) {
            answer(place, &too_long, false);
        }
        leave(place);
    }
}

/* The longest there gives way. */
static uint32_t free_place(void) {
    uint32_t place = 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        if (!visitors[i].here) return i;
        if (visitors[i].since < visitors[place].since) place = i;
    }
    leave(place);
    return place;
}

static void let_in(void) {
    struct bw_net_peer peer;
    while (bw_net_accept(SLOT_LISTENER, BW_NET_NOW, SLOT_ACCEPTED, &peer) == 0) {
        const uint32_t place = free_place();
        visitors[place] = (struct visitor){.here = true, .since = ++visits, .peer = peer};
        if (bw_cnode_move(BW_SLOT_CNODE, SLOT_VISITORS + place, BW_SLOT_CNODE, SLOT_ACCEPTED) != 0) visitors[place].here = false;
        attend(place);
    }
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const uint32_t watched = bw_net_watch(bw_use_net.cap, SLOT_BELL, BELL_BIT), listening = bw_net_listen(bw_use_net.cap, PORT, WAITING, SLOT_LISTENER);
    if (watched != 0 || listening != 0) {
        bw_printf("web: no listener at port %u: %u %u\n", (uint32_t)PORT, watched, listening);
        return 1;
    }
    /* The network server rings when there is an address. */
    struct bw_net_info info = {0};
    while (bw_net_info(bw_use_net.cap, &info) == 0 && info.address == 0) (void)bw_wait(BW_SLOT_NOTIFICATION);
    bw_printf("web: listening at port %u\n", (uint32_t)PORT);
    for (;;) {
        bw_flush();
        /* Before it sleeps: somebody may have come while it waited for an address. */
        let_in();
        for (uint32_t i = 0; i < PLACES; i++) attend(i);
        const struct bw_msg m = bw_wait(BW_SLOT_NOTIFICATION);
        if (bw_error(&m) != 0) return 1;
    }
}
