/* calls.c: see calls.h. */
#include "calls.h"

#include <bailiwick/net-protocol.h>

#include <lwip/tcp.h>

#include "clock.h"
#include "datagrams.h"
#include "flow.h"
#include "stream.h"

static struct call calls[CALLS];
static bw_cptr slot_minted;

bool calls_begin(bw_cptr slots, bw_cptr minted) {
    slot_minted = minted;
    for (uint32_t i = 0; i < CALLS; i++) calls[i].reply = slots + i;
    return bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, CALLS, BW_SLOT_CNODE, slots) == 0;
}

void close_socket(struct socket *s) {
    if (s->state == SOCKET_DATAGRAMS) datagrams_close(s);
    else stream_close(s);
}

void drop_client(uint32_t client) {
    for (uint32_t i = client * LIMIT_SOCKETS_EACH; i < (client + 1) * LIMIT_SOCKETS_EACH; i++) {
        struct socket *s = &sockets[i];
        if (s->state == SOCKET_FREE) continue;
        if (s->state == SOCKET_LISTENING || s->state == SOCKET_DATAGRAMS) close_socket(s);
        else stream_abort(s);
    }
    pings_end(client);
    close_views(client);
}

static void answer_socket(struct answer *a, struct socket *s) {
    a->badge = badge_of_socket(s);
    a->made = s;
}

static uint32_t attempt_connect(struct call *c, struct answer *a) {
    if (c->lookup != NULL) {
        if (!c->lookup->done) return BW_LATER;
        c->address = c->lookup->address;
        lookup_forget(c->lookup);
        c->lookup = NULL;
        const uint32_t refusal = c->address == 0 ? NET_E_NO_ADDRESS : stream_connect(c->socket, c->address, c->port);
        if (refusal != 0) {
            free_socket(c->socket);
            return refusal;
        }
    }
    struct socket *s = c->socket;
    if (s->error != 0) {
        const uint32_t refusal = s->error;
        free_socket(s);
        return refusal;
    }
    if (s->state != SOCKET_CONNECTED) return BW_LATER;
    a->w[0] = c->address;
    a->length = 1;
    answer_socket(a, s);
    return 0;
}

static uint32_t attempt_accept(struct call *c, struct answer *a) {
    struct socket *s = stream_accept(c->socket);
    if (s == NULL) return BW_LATER;
    a->w[0] = lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(&s->tcp->remote_ip))), a->w[1] = s->tcp->remote_port;
    a->length = 2;
    answer_socket(a, s);
    return 0;
}

static bool may_go(const struct socket *s, uint32_t bytes) { return flow_passes(s->flow, s->client, bytes); }

static uint32_t attempt_send(struct call *c, struct answer *a) {
    uint32_t taken = 0;
    const uint32_t room = stream_room(c->socket);
    if (!may_go(c->socket, c->count < room ? c->count : room)) return BW_LATER;
    const uint32_t refusal = stream_send(c->socket, c->bytes, c->count, &taken);
    if (refusal == 0 && taken == 0 && c->count > 0) return BW_LATER;
    a->w[0] = taken;
    a->length = 1;
    return refusal;
}

static uint32_t attempt_receive(struct call *c, struct answer *a) {
    struct socket *s = c->socket;
    const uint32_t count = s->count < c->count ? s->count : c->count;
    if (s->count == 0 && !s->ended) {
        if (s->tcp == NULL) return stream_end(s);
        if (c->count > 0) return BW_LATER;
    }
    /* Cut off in the middle is not the end. */
    if (s->count == 0 && s->error != 0 && s->error != NET_E_CLOSED) return s->error;
    if (!may_go(s, count)) return BW_LATER;
    look_in(s, 0, a->bytes, count);
    take_out(s, count);
    if (count > 0) stream_received(s, count);
    a->w[0] = a->count = count;
    a->length = 1;
    return 0;
}

static uint32_t attempt_receive_from(struct call *c, struct answer *a) {
    struct datagram d;
    uint32_t left = 0;
    if (!may_go(c->socket, datagrams_next(c->socket, LIMIT_DATAGRAM_PIECE))) return BW_LATER;
    if (!datagrams_receive(c->socket, &d, a->bytes, LIMIT_DATAGRAM_PIECE, &left)) return BW_LATER;
    a->w[0] = d.address, a->w[1] = d.port, a->w[2] = left, a->w[3] = a->count = d.bytes;
    a->length = 4;
    return 0;
}

static uint32_t attempt_send_to(struct call *c, struct answer *a) {
    (void)a;
    return may_go(c->socket, c->socket->made) ? datagrams_send(c->socket, c->address, c->port) : BW_LATER;
}

static uint32_t attempt_resolve(struct call *c, struct answer *a) {
    if (!c->lookup->done) return BW_LATER;
    a->w[0] = c->lookup->address;
    a->length = 1;
    lookup_forget(c->lookup);
    c->lookup = NULL;
    return a->w[0] == 0 ? NET_E_NO_ADDRESS : 0;
}

static uint32_t attempt_ping(struct call *c, struct answer *a) {
    struct ping *p = c->ping;
    if (c->lookup != NULL && (p->done || c->lookup->done)) {
        if (!p->done) ping_send(p, c->lookup->address);
        lookup_forget(c->lookup);
        c->lookup = NULL;
    }
    if (!p->done) return BW_LATER;
    a->w[0] = p->address, a->w[1] = p->took / 1000;
    a->length = 2;
    ping_forget(p);
    c->ping = NULL;
    return p->refusal;
}

static uint32_t give_up(struct call *c) {
    if (c->lookup != NULL) lookup_forget(c->lookup);
    c->lookup = NULL;
    if (c->ping != NULL) ping_forget(c->ping);
    c->ping = NULL;
    if (c->kind == CALL_CONNECT) stream_abort(c->socket);
    return NET_E_TIMEOUT;
}

static uint32_t attempt(struct call *c, struct answer *a) {
    static uint32_t (*const attempts[])(struct call *, struct answer *) = {
        [CALL_CONNECT] = attempt_connect, [CALL_ACCEPT] = attempt_accept, [CALL_SEND] = attempt_send, [CALL_RECEIVE] = attempt_receive,
        [CALL_RECEIVE_FROM] = attempt_receive_from, [CALL_SEND_TO] = attempt_send_to, [CALL_RESOLVE] = attempt_resolve, [CALL_PING] = attempt_ping,
    };
    a->length = a->count = 0, a->badge = 0, a->made = NULL;
    if (c->socket != NULL && (c->socket->state == SOCKET_FREE || c->socket->state == SOCKET_CLOSING || c->socket->times != c->times)) {
        if (c->lookup != NULL) lookup_forget(c->lookup);
        return NET_E_CLOSED;
    }
    const uint32_t label = attempts[c->kind](c, a);
    return label == BW_LATER && c->deadline != 0 && clock_now() >= c->deadline ? give_up(c) : label;
}

static bool is_like(const struct call *one, const struct call *other) { return one->socket != NULL && one->socket == other->socket && one->kind == other->kind && one->times == other->times; }

bool call_waits(const struct call *call) {
    for (uint32_t i = call->client * CALLS_EACH; i < (call->client + 1) * CALLS_EACH; i++) if (calls[i].used && is_like(&calls[i], call)) return true;
    return false;
}

static struct call *place_for(const struct call *call, uint32_t *refusal) {
    struct call *found = NULL;
    for (uint32_t i = call->client * CALLS_EACH; i < (call->client + 1) * CALLS_EACH; i++) {
        struct call *c = &calls[i];
        if (!c->used) found = c;
        else if (is_like(c, call)) {
            *refusal = NET_E_BUSY;
            return NULL;
        }
    }
    *refusal = NET_E_FULL;
    return found;
}

uint32_t call_now(const struct call *call, struct bw_service *service, struct answer *answer) {
    static struct call now;
    uint32_t refusal = 0;
    now = *call;
    struct call *place = place_for(call, &refusal);
    /* Who waits already is served first. */
    uint32_t label = place == NULL && refusal == NET_E_BUSY ? refusal : attempt(&now, answer);
    if (label != BW_LATER) return label;
    if (place == NULL) {
        (void)give_up(&now);
        return refusal;
    }
    /* The caller stays in the reply object it came with; this place's free one receives from now on. */
    const bw_cptr free_reply = place->reply;
    *place = now;
    place->used = true;
    place->reply = service->reply;
    service->reply = free_reply;
    return BW_LATER;
}

uint64_t write_answer(uint32_t label, struct answer *a) {
    uint32_t caps = 0;
    if (label != 0) a->length = a->count = 0, a->badge = 0;
    if (a->badge != 0) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, slot_minted);
        if (bw_cnode_mint(BW_SLOT_CNODE, slot_minted, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY, a->badge) != 0) {
            if (a->made != NULL) close_socket(a->made);
            else (void)close_view(a->badge);
            return bw_info(NET_E_FULL, 0, 0);
        }
        bw_ipc()->caps[caps++] = slot_minted;
    }
    uint64_t *words = bw_ipc()->words;
    for (uint32_t i = 0; i < a->length; i++) words[i] = a->w[i];
    memcpy(&words[a->length], a->bytes, a->count);
    return bw_info(label, a->length + (a->count + 7) / 8, caps);
}

uint64_t calls_attempt(void) {
    static struct answer answer;
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < CALLS; i++) {
        struct call *c = &calls[i];
        if (!c->used) continue;
        const uint32_t label = attempt(c, &answer);
        if (label == BW_LATER) {
            if (c->deadline != 0 && c->deadline < next) next = c->deadline;
            continue;
        }
        c->used = false;
        const uint64_t info = write_answer(label, &answer), *words = bw_ipc()->words;
        (void)bw_send(c->reply, info, words[0], words[1], words[2], words[3]);
    }
    return next;
}
