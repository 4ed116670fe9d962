/* serve.c: the receive loop. Every message is answered once: by the loop, or, when its handler says so, later by the server. */
#include <bailiwick.h>

static uint32_t handle(struct bw_service *service, struct bw_request *request) {
    if (service->first != NULL) {
        const uint32_t label = service->first(request);
        if (label != BW_NOT_MINE) return label;
    }
    for (size_t i = 0; i < service->count; i++) {
        const struct bw_method *method = &service->methods[i];
        if (method->label != request->label) continue;
        return request->length < method->words ? service->bad_request : method->handle(request);
    }
    return service->bad_request;
}

static struct bw_request to_request(const struct bw_msg *m, const struct bw_service *service) {
    struct bw_request request = {.service = service, .badge = m->badge, .label = bw_label(m), .length = bw_length(m), .caps = bw_caps(m), .unwrapped = bw_unwrapped(m), .reply = service->reply};
    for (uint32_t i = 0; i < BW_REGISTER_WORDS && i < request.length; i++) request.w[i] = m->w[i];
    return request;
}

/* A capability nobody took would keep its slot, and the next one would be lost. */
static void empty_receive_slots(const struct bw_service *service) {
    for (uint32_t i = 0; i < service->receive_count; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, service->receive_first + i);
}

/* The next message; with work left over, none is waited for. */
static struct bw_msg next(const struct bw_service *service, bool more) {
    return more ? bw_nb_recv(service->endpoint, service->reply) : bw_recv(service->endpoint, service->reply);
}

_Noreturn void bw_serve(struct bw_service *service) {
    if (service->endpoint == 0) service->endpoint = BW_SLOT_SERVICE;
    if (service->reply == 0) service->reply = BW_SLOT_REPLY;
    bw_receive_slots(service->receive_first, service->receive_count);
    /* There is a turn to do. */
    bool more = false;
    struct bw_msg m = next(service, more);
    for (;;) {
        if (bw_error(&m) != 0) {
            /* Nothing was received: nothing waits, or the wait was cancelled. An endpoint that is gone would be gone for good. */
            if (bw_error(&m) != BW_ERR_CANCELLED && bw_error(&m) != BW_ERR_WOULD_BLOCK) bw_exit(1);
            more = more && service->turn();
            m = next(service, more);
            continue;
        }
        /* Signals of interrupts and notifications have badge bits from 2^32 to 2^52, clients never (caps/image/system.ts). */
        if (m.badge > UINT32_MAX && (m.badge & BW_BADGE_MINTED) == 0) {
            if (service->notified != NULL) service->notified(m.badge);
            more = service->turn != NULL && service->turn();
            m = next(service, more);
            continue;
        }
        struct bw_request request = to_request(&m, service);
        const uint32_t label = handle(service, &request);
        if (request.caps > 0) empty_receive_slots(service);
        const uint64_t info = bw_info(label, request.answer_length, request.answer_caps);
        if (label != BW_LATER && !more) {
            m = bw_reply_recv(service->endpoint, service->reply, info, request.w[0], request.w[1], request.w[2], request.w[3]);
            continue;
        }
        if (label != BW_LATER) (void)bw_send(service->reply, info, request.w[0], request.w[1], request.w[2], request.w[3]);
        more = more && service->turn();
        m = next(service, more);
    }
}

const uint8_t *bw_request_bytes(struct bw_request *request, uint32_t words, uint64_t count) {
    if (words > request->length || count > (uint64_t)(request->length - words) * sizeof(uint64_t)) return NULL;
    uint64_t *buffer = bw_ipc()->words;
    for (size_t i = 0; i < BW_REGISTER_WORDS; i++) buffer[i] = request->w[i];
    return (const uint8_t *)&buffer[words];
}

bool bw_request_name(struct bw_request *request, uint32_t words, uint64_t count, char *name, size_t room) {
    const uint8_t *bytes = count < room ? bw_request_bytes(request, words, count) : NULL;
    if (bytes == NULL) return false;
    for (uint64_t i = 0; i < count; i++) {
        if (bytes[i] < '!' || bytes[i] > '~') return false;
        name[i] = (char)bytes[i];
    }
    name[count] = 0;
    return true;
}

uint8_t *bw_answer_room(uint32_t words) { return (uint8_t *)&bw_ipc()->words[words]; }

void bw_answer_bytes(struct bw_request *request, uint32_t words, uint64_t count) {
    const uint64_t *buffer = bw_ipc()->words;
    for (size_t i = words; i < BW_REGISTER_WORDS; i++) request->w[i] = buffer[i];
    request->answer_length = words + (uint32_t)((count + 7) / 8);
}
