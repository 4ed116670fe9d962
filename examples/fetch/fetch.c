/*
 * Fetches one page and prints it. Which page says its argument; whether it may, its capability: the network server lets it connect to one host's one port. What went wrong is a line in the
 * operator's log, and the exit status is 1, so that what is printed is the page and nothing else.
 *
 * Source: RFC 9112, of which: a request of HTTP/1.0, so that the answer is not in chunks; the answer's length, when it says one, is looked at, since an end that comes too early is
 * otherwise no different from the page's own.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>

BW_USE(console);
BW_USE(net);

enum { SLOT_BELL = 128, SLOT_SOCKET, HEAD = 4096, MOST_NAME = 253, MOST_PATH = 512 };
#define BELL_BIT (1ULL << 45)
#define NO_LENGTH UINT64_MAX

static char host[MOST_NAME + 1], path[MOST_PATH + 1], head[HEAD + 1], piece[BW_NET_PIECE];
static uint16_t port;
static uint64_t patience_ms;

/* http://HOST[:PORT][/PATH] */
static bool read_url(const char *url) {
    size_t i = 7, count = 0;
    uint32_t number = 0;
    if (url == NULL || strncmp(url, "http://", 7) != 0) return false;
    for (; url[i] != 0 && url[i] != ':' && url[i] != '/'; i++) {
        if (count == MOST_NAME) return false;
        host[count++] = url[i];
    }
    if (count == 0) return false;
    if (url[i] == ':') {
        for (i++; url[i] >= '0' && url[i] <= '9' && number <= UINT16_MAX; i++) number = number * 10 + (uint32_t)(url[i] - '0');
        if (number == 0 || number > UINT16_MAX || (url[i] != 0 && url[i] != '/')) return false;
    }
    port = number == 0 ? 80 : (uint16_t)number;
    const char *rest = url[i] == 0 ? "/" : url + i;
    count = strlen(rest);
    /* What would end the line, or be another, is no path. */
    for (size_t k = 0; k < count; k++) if (rest[k] <= ' ' || rest[k] > '~') return false;
    if (count > MOST_PATH) return false;
    memcpy(path, rest, count + 1);
    return true;
}

static const char *why(uint32_t refusal) {
    switch (refusal) {
    case NET_E_REFUSED: return "nobody listens at that port";
    case NET_E_RESET: return "it broke the connection off";
    case NET_E_TIMEOUT: return "it does not answer";
    case NET_E_UNREACHABLE: return "there is no way to it";
    case NET_E_NO_ADDRESS: return "there is no such name";
    case NET_E_NO_NETWORK: return "there is no network, or no name server in it";
    case NET_E_NOT_ALLOWED: return "no rule of this program's allows it";
    case NET_E_BAD_REQUEST: return "that is no host";
    default: return "the network server refuses";
    }
}

static int failed(const char *what) {
    bw_flush();
    bw_logf("http://%s:%u: %s", host, (uint32_t)port, what);
    return 1;
}

static uint32_t ask(void) {
    static const char *const parts[] = {"GET ", path, " HTTP/1.0\r\nHost: ", host, "\r\nConnection: close\r\n\r\n"};
    size_t done = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const uint32_t refusal = bw_net_send(SLOT_SOCKET, parts[i], strlen(parts[i]), patience_ms, &done);
        if (refusal != 0) return refusal;
    }
    return 0;
}

static char small(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* The value of a field of the head; NULL: it has none. */
static const char *field(const char *name) {
    for (const char *line = head; *line != 0; line++) {
        if (*line != '\n') continue;
        size_t i = 0;
        while (name[i] != 0 && small(line[1 + i]) == name[i]) i++;
        if (name[i] != 0 || line[1 + i] != ':') continue;
        line += i + 2;
        while (*line == ' ' || *line == '\t') line++;
        return line;
    }
    return NULL;
}

/* The number of the body's bytes. False: what is said is none. */
static bool read_length(uint64_t *length) {
    const char *text = field("content-length");
    *length = text == NULL ? NO_LENGTH : 0;
    if (text == NULL) return true;
    for (size_t i = 0; i < 15 && text[i] >= '0' && text[i] <= '9'; i++) {
        *length = *length * 10 + (uint64_t)(text[i] - '0');
        if (text[i + 1] == '\r' || text[i + 1] == '\n') return true;
    }
    return false;
}

/* Up to the empty line; what came behind it is in `piece`, *count bytes. 0, or why there is none. */
static const char *read_head(size_t *count) {
    size_t have = 0;
    for (;;) {
        const uint32_t refusal = bw_net_receive(SLOT_SOCKET, piece, sizeof piece, patience_ms, count);
        if (refusal != 0) return why(refusal);
        if (*count == 0) return have == 0 ? "it closed the connection and said nothing" : "it closed the connection in the middle of the head";
        for (size_t i = 0; i < *count; i++) {
            if (have == HEAD) return "its answer's head is too long";
            head[have++] = piece[i];
            if (have < 4 || memcmp(head + have - 4, "\r\n\r\n", 4) != 0) continue;
            head[have] = 0;
            *count -= i + 1;
            memmove(piece, piece + i + 1, *count);
            return NULL;
        }
    }
}

static int print_page(void) {
    size_t count = 0;
    uint64_t length = 0, had = 0;
    const char *wrong = read_head(&count);
    if (wrong != NULL) return failed(wrong);
    if (strncmp(head, "HTTP/1.", 7) != 0 || strlen(head) < 15 || head[8] != ' ') return failed("what it answers is not HTTP");
    if (!read_length(&length) || field("transfer-encoding") != NULL) return failed("it does not say how long its page is");
    for (;;) {
        if (length != NO_LENGTH && had + count > length) count = (size_t)(length - had);
        bw_write(piece, count);
        had += count;
        if (had == length) break;
        const uint32_t refusal = bw_net_receive(SLOT_SOCKET, piece, sizeof piece, patience_ms, &count);
        if (refusal == 0 && count > 0) continue;
        if (refusal == 0 && length == NO_LENGTH) break;
        bw_flush();
        if (length == NO_LENGTH) bw_logf("the page is cut off after %lu bytes", had);
        else bw_logf("the page is cut off after %lu of %lu bytes", had, length);
        return failed(refusal == 0 ? "it closed the connection in the middle" : why(refusal));
    }
    bw_flush();
    if (head[9] == '2') return 0;
    /* The status and its reason, up to the end of the line: there is one. */
    size_t end = 9;
    while (head[end] != '\r' && head[end] != '\n') end++;
    head[end] = 0;
    return failed(head + 9);
}

int main(void) {
    struct bw_net_info info = {0};
    const char *url = bw_arg("url");
    bw_console_open(bw_use_console.cap);
    patience_ms = bw_arg_number("patience", 10) * 1000;
    if (!read_url(url)) {
        bw_logf("%s is no page: args: { url: \"http://HOST:PORT/PATH\" }", url == NULL ? "nothing" : url);
        return 1;
    }
    /* The network server rings when there is an address. */
    (void)bw_net_watch(bw_use_net.cap, SLOT_BELL, BELL_BIT);
    while (bw_net_info(bw_use_net.cap, &info) == 0 && info.address == 0) (void)bw_wait(BW_SLOT_NOTIFICATION);
    uint32_t refusal = bw_net_connect(bw_use_net.cap, host, port, patience_ms, SLOT_SOCKET);
    if (refusal == 0) refusal = ask();
    return refusal == 0 ? print_page() : failed(why(refusal));
}
