/* stream.c: see stream.h. */
#include "stream.h"

#include <bailiwick/net-protocol.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include "clock.h"
#include "hops.h"

#define FLUSH_NS (2 * NS_PER_MS)

static uint64_t patience, orders;
/* S2: the earliest; 0 for none. */
static uint64_t due;

void stream_begin(uint64_t nanoseconds) { patience = nanoseconds; }

uint32_t stream_end(const struct socket *s) { return s->error != 0 ? s->error : NET_E_CLOSED; }

static ip_addr_t to_ip(uint32_t address) {
    ip_addr_t ip = {0};
    ip4_addr_set_u32(ip_2_ip4(&ip), lwip_htonl(address));
    return ip;
}

/* lwIP's pcb is gone, or will be: it must not lead here any more. */
static void part(struct socket *s) {
    if (s->tcp == NULL) return;
    tcp_arg(s->tcp, NULL);
    if (s->state != SOCKET_LISTENING) {
        tcp_recv(s->tcp, NULL);
        tcp_sent(s->tcp, NULL);
        tcp_err(s->tcp, NULL);
        tcp_poll(s->tcp, NULL, 0);
    } else {
        tcp_accept(s->tcp, NULL);
    }
    s->tcp = NULL;
}

static void on_error(void *argument, err_t error) {
    struct socket *s = argument;
    if (s == NULL) return;
    s->tcp = NULL;
    clients[s->client].ring = true;
    if (s->error == 0) s->error = error == ERR_RST ? (s->state == SOCKET_DIALLING ? NET_E_REFUSED : NET_E_RESET) : error == ERR_CLSD ? NET_E_CLOSED : NET_E_TIMEOUT;
    /* Nobody has it, or will. */
    if (s->state == SOCKET_CLOSING || s->state == SOCKET_QUEUED) free_socket(s);
}

static err_t on_received(void *argument, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error) {
    struct socket *s = argument;
    (void)error;
    if (s == NULL || s->state == SOCKET_CLOSING) {
        if (bytes != NULL) tcp_recved(pcb, bytes->tot_len), (void)pbuf_free(bytes);
        return ERR_OK;
    }
    clients[s->client].ring = true;
    if (bytes == NULL) {
        s->ended = true;
        return ERR_OK;
    }
    /* S1: the window is no larger than the room. */
    if (bytes->tot_len > room_in(s)) return ERR_MEM;
    for (const struct pbuf *p = bytes; p != NULL; p = p->next) put_in(s, p->payload, p->len);
    (void)pbuf_free(bytes);
    return ERR_OK;
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, uint16_t count) {
    struct socket *s = argument;
    (void)pcb;
    (void)count;
    if (s == NULL) return ERR_OK;
    if (s->state != SOCKET_CLOSING) s->since = clock_now();
    clients[s->client].ring = true;
    return ERR_OK;
}

/* Twice a second: a peer that has vanished answers nothing that is sent again and again. */
static err_t on_poll(void *argument, struct tcp_pcb *pcb) {
    struct socket *s = argument;
    if (s == NULL || pcb->nrtx == 0 || clock_now() - s->since < patience) return ERR_OK;
    s->error = NET_E_TIMEOUT;
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t on_connected(void *argument, struct tcp_pcb *pcb, err_t error) {
    struct socket *s = argument;
    (void)pcb;
    (void)error;
    if (s == NULL) return ERR_OK;
    s->state = SOCKET_CONNECTED;
    s->since = clock_now();
    return ERR_OK;
}

static void join(struct socket *s, struct tcp_pcb *pcb) {
    s->tcp = pcb;
    s->since = clock_now();
    /* An established connection never gives way to one that begins. */
    tcp_setprio(pcb, TCP_PRIO_MAX);
    /* What is in the making waits for more already, 2 ms at most. By Nagle's rule the second piece of an answer would wait for the first one's acknowledgement, which peers delay: 250 ms, of lwIP. */
    tcp_nagle_disable(pcb);
    ip_set_option(pcb, SOF_KEEPALIVE);
    pcb->keep_idle = 60000, pcb->keep_intvl = 10000, pcb->keep_cnt = 4;
    tcp_arg(pcb, s);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, 1);
}

static err_t on_arrival(void *argument, struct tcp_pcb *pcb, err_t error) {
    struct socket *listener = argument;
    if (listener == NULL || pcb == NULL || error != ERR_OK) return ERR_VAL;
    /* Without a place the connection is ended, and its client knows: it has so many. */
    struct socket *s = stream_take(listener->client, SOCKET_QUEUED);
    if (s == NULL) return ERR_MEM;
    s->flow = listener->flow;
    s->listener = listener;
    s->order = ++orders;
    join(s, pcb);
    tcp_backlog_delayed(pcb);
    clients[s->client].ring = true;
    return ERR_OK;
}

uint32_t stream_connect(struct socket *s, uint32_t address, uint16_t port) {
    const uint32_t refusal = hop_to(s->client, address);
    if (refusal != 0) return refusal;
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    if (pcb == NULL) return NET_E_FULL;
    const ip_addr_t to = to_ip(address);
    join(s, pcb);
    const err_t error = tcp_connect(pcb, &to, port, on_connected);
    if (error == ERR_OK) return 0;
    part(s);
    tcp_abort(pcb);
    return error == ERR_RTE ? NET_E_UNREACHABLE : NET_E_FULL;
}

uint32_t stream_listen(struct socket *s, uint16_t port, uint32_t backlog) {
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    if (pcb == NULL) return NET_E_FULL;
    if (tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK) {
        tcp_abort(pcb);
        return NET_E_IN_USE;
    }
    struct tcp_pcb *listening = tcp_listen_with_backlog(pcb, (uint8_t)backlog);
    if (listening == NULL) {
        tcp_abort(pcb);
        return NET_E_FULL;
    }
    s->tcp = listening;
    tcp_arg(listening, s);
    tcp_accept(listening, on_arrival);
    return 0;
}

static struct socket *oldest_of(const struct socket *listener) {
    struct socket *oldest = NULL;
    for (uint32_t i = listener->client * LIMIT_SOCKETS_EACH; i < (listener->client + 1) * LIMIT_SOCKETS_EACH; i++) {
        struct socket *s = &sockets[i];
        if (s->state == SOCKET_QUEUED && s->listener == listener && (oldest == NULL || s->order < oldest->order)) oldest = s;
    }
    return oldest;
}

struct socket *stream_accept(const struct socket *listener) {
    struct socket *s = oldest_of(listener);
    if (s == NULL) return NULL;
    s->state = SOCKET_CONNECTED;
    s->listener = NULL;
    tcp_backlog_accepted(s->tcp);
    return s;
}

/* Of what lwIP would take, as far as it is not spoken for. */
uint32_t stream_room(const struct socket *s) {
    const uint32_t room = s->tcp == NULL ? 0 : tcp_sndbuf(s->tcp);
    return room > s->made ? room - s->made : 0;
}

/* Gives lwIP what is in the making. */
static err_t pass_on(struct socket *s) {
    if (s->tcp->unacked == NULL && s->tcp->unsent == NULL) s->since = clock_now();
    const err_t error = tcp_write(s->tcp, s->making, (uint16_t)s->made, TCP_WRITE_FLAG_COPY);
    if (error == ERR_OK) s->made = 0;
    return error;
}

uint32_t stream_send(struct socket *s, const void *bytes, uint32_t count, uint32_t *taken) {
    *taken = 0;
    if (s->tcp == NULL || s->shut) return stream_end(s);
    const uint32_t room = stream_room(s), most = count < room ? count : room, segment = tcp_mss(s->tcp);
    err_t error = ERR_OK;
    while (error == ERR_OK && (*taken < most || s->made >= segment)) {
        const uint32_t left = segment > s->made ? segment - s->made : 0, piece = most - *taken < left ? most - *taken : left;
        memcpy(s->making + s->made, (const uint8_t *)bytes + *taken, piece);
        s->made += piece, *taken += piece;
        if (s->made >= segment) error = pass_on(s);
    }
    if (error == ERR_OK && s->made > 0 && count < LIMIT_PIECE) error = pass_on(s);
    if (error != ERR_OK && error != ERR_MEM) return NET_E_CLOSED;
    if (s->made > 0 && due == 0) due = clock_now() + FLUSH_NS;
    (void)tcp_output(s->tcp);
    return 0;
}

void stream_flush(struct socket *s) {
    if (s->made == 0 || s->tcp == NULL || s->shut) return;
    if (pass_on(s) == ERR_OK) (void)tcp_output(s->tcp);
}

uint64_t stream_due(void) { return due == 0 ? UINT64_MAX : due; }

void stream_flush_due(void) {
    if (due == 0 || clock_now() < due) return;
    due = 0;
    for (uint32_t i = 0; i < LIMIT_SOCKETS; i++) {
        struct socket *s = &sockets[i];
        if (s->state != SOCKET_CONNECTED) continue;
        stream_flush(s);
        /* lwIP has no room for it yet. */
        if (s->made > 0 && s->tcp != NULL && due == 0) due = clock_now() + FLUSH_NS;
    }
}

void stream_received(struct socket *s, uint32_t count) {
    if (s->tcp != NULL) tcp_recved(s->tcp, (uint16_t)count);
}

uint32_t stream_shutdown(struct socket *s) {
    if (s->tcp == NULL) return stream_end(s);
    if (s->shut) return 0;
    stream_flush(s);
    if (s->made > 0 || tcp_shutdown(s->tcp, 0, 1) != ERR_OK) return NET_E_FULL;
    s->shut = true;
    return 0;
}

void stream_abort(struct socket *s) {
    struct tcp_pcb *pcb = s->tcp;
    part(s);
    if (pcb != NULL) tcp_abort(pcb);
    free_socket(s);
}

static void close_listener(struct socket *s) {
    struct tcp_pcb *pcb = s->tcp;
    for (struct socket *queued = oldest_of(s); queued != NULL; queued = oldest_of(s)) stream_abort(queued);
    part(s);
    (void)tcp_close(pcb);
    free_socket(s);
}

void stream_close(struct socket *s) {
    if (s->state == SOCKET_LISTENING) return close_listener(s);
    /* What came and nobody will receive: the other side is told that it was in vain. */
    if (s->tcp == NULL || s->state != SOCKET_CONNECTED || s->count > 0) return stream_abort(s);
    stream_flush(s);
    if (s->made > 0) return stream_abort(s);
    kill_badge(s);
    s->state = SOCKET_CLOSING;
    s->since = clock_now();
    if (tcp_close(s->tcp) != ERR_OK) stream_abort(s);
}

/* lwIP is still at it. */
static bool is_active(const struct socket *s) {
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) if (pcb == s->tcp && pcb->callback_arg == s) return true;
    return false;
}

void stream_sweep(void) {
    for (uint32_t i = 0; i < LIMIT_SOCKETS; i++) {
        struct socket *s = &sockets[i];
        if (s->state != SOCKET_CLOSING) continue;
        if (!is_active(s)) free_socket(s);
        else if (clock_now() - s->since >= patience) stream_abort(s);
    }
}

struct socket *stream_take(uint32_t client, enum socket_state state) {
    struct socket *s = take_socket(client, state), *oldest = NULL;
    for (uint32_t i = client * LIMIT_SOCKETS_EACH; s == NULL && i < (client + 1) * LIMIT_SOCKETS_EACH; i++) {
        if (sockets[i].state == SOCKET_CLOSING && (oldest == NULL || sockets[i].since < oldest->since)) oldest = &sockets[i];
    }
    if (oldest == NULL) return s;
    if (is_active(oldest)) stream_abort(oldest);
    else free_socket(oldest);
    return take_socket(client, state);
}
