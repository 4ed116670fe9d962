/* net.c: a client of the network server. */
#include <bailiwick.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>

static uint32_t result_of(const struct bw_msg *m) { return bw_error(m) != 0 ? BW_NET_GONE : bw_label(m); }

static uint32_t result_with_cap(const struct bw_msg *m) {
    const uint32_t result = result_of(m);
    return result == 0 && (bw_caps(m) != 1 || bw_unwrapped(m) != 0) ? BW_NET_GONE : result;
}

/* A call with `words` words that are in the buffer already, and a byte string behind them. */
static struct bw_msg call_bytes(bw_cptr net, uint32_t label, uint32_t words, const void *bytes, size_t count) {
    memcpy(&bw_ipc()->words[words], bytes, count);
    return bw_call_buffer(net, label, words + (uint32_t)((count + 7) / 8), 0);
}

uint32_t bw_net_watch(bw_cptr net, bw_cptr slot, uint64_t bit) {
    const bw_err error = bw_cnode_mint(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, bit);
    if (error != 0) return BW_NET_GONE;
    bw_ipc()->caps[0] = slot;
    const struct bw_msg m = bw_call(net, bw_info(NET_WATCH, 0, 1), 0, 0, 0, 0);
    return result_of(&m);
}

uint32_t bw_net_info(bw_cptr net, struct bw_net_info *info) {
    const struct bw_msg m = bw_call(net, bw_info(NET_INFO, 0, 0), 0, 0, 0, 0);
    const uint64_t mac = bw_ipc()->words[4];
    if (result_of(&m) == 0) *info = (struct bw_net_info){.address = (uint32_t)m.w[0], .mask = (uint32_t)m.w[1], .gateway = (uint32_t)m.w[2], .link = (m.w[3] & 1) != 0, .mac = mac};
    return result_of(&m);
}

uint32_t bw_net_connect(bw_cptr net, const char *host, uint16_t port, uint64_t timeout, bw_cptr slot) {
    const size_t count = strlen(host);
    if (count > 253) return NET_E_BAD_REQUEST;
    const struct bw_receive before = bw_receive_into(slot, 1);
    uint64_t *words = bw_ipc()->words;
    words[0] = port, words[1] = timeout, words[2] = count;
    const struct bw_msg m = call_bytes(net, NET_CONNECT, 3, host, count);
    bw_receive_as(before);
    return result_with_cap(&m);
}

uint32_t bw_net_listen(bw_cptr net, uint16_t port, uint32_t backlog, bw_cptr slot) {
    const struct bw_receive before = bw_receive_into(slot, 1);
    const struct bw_msg m = bw_call(net, bw_info(NET_LISTEN, 2, 0), port, backlog, 0, 0);
    bw_receive_as(before);
    return result_with_cap(&m);
}

uint32_t bw_net_udp(bw_cptr net, uint16_t port, bw_cptr slot) {
    const struct bw_receive before = bw_receive_into(slot, 1);
    const struct bw_msg m = bw_call(net, bw_info(NET_UDP, 1, 0), port, 0, 0, 0);
    bw_receive_as(before);
    return result_with_cap(&m);
}

uint32_t bw_net_resolve(bw_cptr net, const char *name, uint64_t timeout, uint32_t *address) {
    const size_t count = strlen(name);
    if (count > 253) return NET_E_BAD_REQUEST;
    bw_ipc()->words[0] = timeout, bw_ipc()->words[1] = count;
    const struct bw_msg m = call_bytes(net, NET_RESOLVE, 2, name, count);
    if (result_of(&m) == 0) *address = (uint32_t)m.w[0];
    return result_of(&m);
}

uint32_t bw_net_ping(bw_cptr net, const char *host, uint32_t size, uint64_t timeout, struct bw_net_echo *echo) {
    const size_t count = strlen(host);
    if (count > 253) return NET_E_BAD_REQUEST;
    uint64_t *words = bw_ipc()->words;
    words[0] = timeout, words[1] = size, words[2] = count;
    const struct bw_msg m = call_bytes(net, NET_PING, 3, host, count);
    if (result_of(&m) == 0 && echo != NULL) *echo = (struct bw_net_echo){.address = (uint32_t)m.w[0], .microseconds = m.w[1]};
    return result_of(&m);
}

uint32_t bw_net_restrict(bw_cptr net, const char *rules, bw_cptr slot) {
    const size_t count = strlen(rules);
    if (count > BW_NET_PIECE) return NET_E_BAD_REQUEST;
    const struct bw_receive before = bw_receive_into(slot, 1);
    bw_ipc()->words[0] = count;
    const struct bw_msg m = call_bytes(net, NET_RESTRICT, 1, rules, count);
    bw_receive_as(before);
    return result_with_cap(&m);
}

uint32_t bw_net_accept(bw_cptr listener, uint64_t timeout, bw_cptr slot, struct bw_net_peer *peer) {
    const struct bw_receive before = bw_receive_into(slot, 1);
    const struct bw_msg m = bw_call(listener, bw_info(NET_ACCEPT, 1, 0), timeout, 0, 0, 0);
    bw_receive_as(before);
    if (result_with_cap(&m) == 0 && peer != NULL) *peer = (struct bw_net_peer){.address = (uint32_t)m.w[0], .port = (uint16_t)m.w[1]};
    return result_with_cap(&m);
}

uint32_t bw_net_send(bw_cptr socket, const void *bytes, size_t count, uint64_t timeout, size_t *done) {
    const uint8_t *from = bytes;
    for (*done = 0; *done < count;) {
        const size_t piece = count - *done < BW_NET_PIECE ? count - *done : BW_NET_PIECE;
        bw_ipc()->words[0] = timeout, bw_ipc()->words[1] = piece;
        const struct bw_msg m = call_bytes(socket, NET_SEND, 2, from + *done, piece);
        if (result_of(&m) != 0) return result_of(&m);
        *done += m.w[0] < piece ? m.w[0] : piece;
    }
    return 0;
}

uint32_t bw_net_receive(bw_cptr socket, void *bytes, size_t room, uint64_t timeout, size_t *count) {
    const size_t piece = room < BW_NET_PIECE ? room : BW_NET_PIECE;
    *count = 0;
    bw_ipc()->words[0] = timeout, bw_ipc()->words[1] = piece;
    const struct bw_msg m = bw_call_buffer(socket, NET_RECEIVE, 2, 0);
    if (result_of(&m) != 0) return result_of(&m);
    *count = m.w[0] < piece ? m.w[0] : piece;
    memcpy(bytes, &bw_ipc()->words[1], *count);
    return 0;
}

uint32_t bw_net_shutdown(bw_cptr socket) {
    const struct bw_msg m = bw_call(socket, bw_info(NET_SHUTDOWN, 0, 0), 0, 0, 0, 0);
    return result_of(&m);
}

uint32_t bw_net_close(bw_cptr socket) {
    const struct bw_msg m = bw_call(socket, bw_info(NET_CLOSE, 0, 0), 0, 0, 0, 0);
    if (result_of(&m) != BW_NET_GONE) (void)bw_cnode_delete(BW_SLOT_CNODE, socket);
    return result_of(&m);
}

uint32_t bw_net_send_to(bw_cptr socket, struct bw_net_peer to, const void *bytes, size_t count) {
    const uint8_t *from = bytes;
    size_t done = 0;
    if (count > BW_NET_DATAGRAM) return NET_E_TOO_LARGE;
    do {
        const size_t piece = count - done < BW_NET_PIECE ? count - done : BW_NET_PIECE;
        uint64_t *words = bw_ipc()->words;
        words[0] = to.address, words[1] = to.port, words[2] = done + piece < count, words[3] = piece;
        const struct bw_msg m = call_bytes(socket, NET_SEND_TO, 4, from + done, piece);
        if (result_of(&m) != 0) return result_of(&m);
        done += piece;
    } while (done < count);
    return 0;
}

uint32_t bw_net_receive_from(bw_cptr socket, struct bw_net_peer *from, void *bytes, size_t room, uint64_t timeout, size_t *count) {
    uint64_t left = 1;
    for (*count = 0; left > 0;) {
        bw_ipc()->words[0] = timeout;
        const struct bw_msg m = bw_call_buffer(socket, NET_RECEIVE_FROM, 1, 0);
        if (result_of(&m) != 0) return result_of(&m);
        const size_t piece = m.w[3] < BW_NET_DATAGRAM_PIECE ? m.w[3] : BW_NET_DATAGRAM_PIECE, fits = *count >= room ? 0 : room - *count < piece ? room - *count : piece;
        if (from != NULL) *from = (struct bw_net_peer){.address = (uint32_t)m.w[0], .port = (uint16_t)m.w[1]};
        memcpy((uint8_t *)bytes + *count, &bw_ipc()->words[4], fits);
        *count += piece;
        left = m.w[2];
    }
    return 0;
}
