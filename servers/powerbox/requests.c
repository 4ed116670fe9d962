/* requests.c: see requests.h. */
#include <bailiwick/file.h>
#include <bailiwick/powerbox-protocol.h>

#include "requests.h"
#include "slots.h"

enum { MUTED = 32, WHAT_NEW = 4 };
_Static_assert(NAME_MOST + PURPOSE_MOST + 4 * 8 <= BW_MAX_WORDS * 8, "the longest request fits in a message");

static struct request requests[REQUESTS];
/* The one that the operator looks at. */
static struct request *taken;
static uint64_t arrivals;
/* A free reply object. */
static bw_cptr spare = SLOT_SPARE;
/* Numbers of clients that are not heard; 0: none. */
static uint32_t muted[MUTED];

/* A client's number, whichever offer it uses. */
static uint32_t number_of(uint64_t client) { return (uint32_t)client & 0xffff; }
static bool is_muted(uint64_t client) {
    for (uint32_t i = 0; i < MUTED; i++) if (muted[i] == number_of(client)) return true;
    return false;
}

const char *client_name(uint64_t client) {
    const char *name = bw_client(client);
    return name == NULL ? "somebody" : name;
}

bool requests_begin(void) {
    for (uint32_t i = 0; i < REQUESTS; i++) requests[i].reply = SLOT_REPLIES + i;
    return bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1 + REQUESTS, BW_SLOT_CNODE, SLOT_SPARE) == 0;
}

/* A caller can be moved from one reply object to another only while there is one. */
bool request_is_there(struct request *request) {
    const bw_cptr from = request->reply;
    if (bw_reply_save(from, spare) != 0) return false;
    request->reply = spare;
    spare = from;
    return true;
}

/* The client has one that waits. One whose caller has ended gives its place up, but not under the operator's eyes. */
static bool waits(uint64_t client) {
    for (struct request *q = requests; q < &requests[REQUESTS]; q++) {
        if (q->client == 0 || number_of(q->client) != number_of(client)) continue;
        if (request_is_there(q)) return true;
        if (q != taken) q->client = 0;
    }
    return false;
}

static struct request *find_free(void) {
    for (struct request *q = requests; q < &requests[REQUESTS]; q++) if (q->client == 0) return q;
    /* Of all that are there, some may have ended. */
    for (struct request *q = requests; q < &requests[REQUESTS]; q++) {
        if (q == taken || request_is_there(q)) continue;
        q->client = 0;
        return q;
    }
    return NULL;
}

/* What was checked and not kept yet. */
static struct request checked;

uint32_t request_check(struct bw_request *r) {
    const uint64_t rights = r->w[0], kind = r->w[1] & ~(uint64_t)WHAT_NEW, suggested = r->w[2], count = r->w[3];
    if (rights == 0 || rights > (BW_FILE_READ | BW_FILE_WRITE | BW_FILE_APPEND) || (kind != BW_KIND_OF_FILE && kind != BW_KIND_OF_DIRECTORY)) return POWERBOX_E_BAD_REQUEST;
    if (suggested > NAME_MOST || suggested > count || count - suggested > PURPOSE_MOST || bw_client(r->badge) == NULL) return POWERBOX_E_BAD_REQUEST;
    const uint8_t *bytes = bw_request_bytes(r, 4, count);
    if (bytes == NULL) return POWERBOX_E_BAD_REQUEST;
    /* Copied before the next system call. */
    checked = (struct request){.client = r->badge, .rights = (uint32_t)rights, .kind = (uint32_t)kind, .make = (r->w[1] & WHAT_NEW) != 0, .name_count = (uint32_t)suggested, .purpose_count = (uint32_t)(count - suggested)};
    memcpy(checked.name, bytes, suggested);
    memcpy(checked.purpose, bytes + suggested, count - suggested);
    if (is_muted(r->badge)) return POWERBOX_E_DENIED;
    return waits(r->badge) ? POWERBOX_E_BUSY : 0;
}

uint32_t request_keep(const struct bw_request *r) {
    struct request *free = find_free();
    if (free == NULL) return POWERBOX_E_FULL;
    /* A Send has no caller. */
    if (bw_reply_save(r->reply, spare) != 0) return POWERBOX_E_BAD_REQUEST;
    checked.reply = spare;
    spare = free->reply;
    checked.number = ++arrivals;
    *free = checked;
    return BW_LATER;
}

struct request *request_take(void) {
    for (;;) {
        struct request *oldest = NULL;
        for (struct request *q = requests; q < &requests[REQUESTS]; q++) if (q->client != 0 && (oldest == NULL || q->number < oldest->number)) oldest = q;
        if (oldest == NULL || request_is_there(oldest)) return taken = oldest;
        oldest->client = 0;
    }
}

uint32_t requests_waiting(void) {
    uint32_t count = 0;
    for (struct request *q = requests; q < &requests[REQUESTS]; q++) count += q->client != 0 && q != taken && request_is_there(q);
    return count;
}

bool request_answer(struct request *request, uint32_t label, uint64_t rights, bool made, bw_cptr cap) {
    /* An answer to nobody is none, and no error either: so it is looked first, which leaves no more than the time between two system calls. */
    const bool there = request_is_there(request);
    if (cap != 0) bw_ipc()->caps[0] = cap;
    if (there) (void)bw_send(request->reply, bw_info(label, label == 0 ? 2 : 0, cap != 0), rights, made, 0, 0);
    request->client = 0;
    if (request == taken) taken = NULL;
    return there;
}

bool client_mute(uint64_t client) {
    for (uint32_t i = 0; i < MUTED; i++) {
        if (muted[i] != 0) continue;
        muted[i] = number_of(client);
        return true;
    }
    return false;
}

void clients_hear(void) { memset(muted, 0, sizeof muted); }
