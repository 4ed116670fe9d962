/*
 * The log: lines of many writers, in order of arrival, kept as long as there is room. Protocol: protocol.ts; limits: README.md.
 *
 * Invariants
 *   L1  A line is never changed; the oldest makes room for the newest.
 *   L2  Each writer has a bucket of BURST lines that fills at its quota a second (at args.rate, where the manifest gives it none); a line for which it has
 *       none is refused, counted, and told with its next one.
 */
#include <bailiwick.h>
#include <bailiwick/log.h>
#include <bailiwick/timer.h>

BW_USE(timer);

enum { LINES = 512, LINE_BYTES = 200, WRITERS = 64, BURST = 32, SLOT_RECEIVED = 128, SLOT_BELL = 129 };
#define SECOND 1000000000UL

static struct line {
    uint64_t writer;
    uint32_t refused;
    uint32_t count;
    uint8_t bytes[LINE_BYTES];
} lines[LINES];
static uint64_t written;

static struct writer {
    uint64_t badge;
    uint32_t tokens;
    uint32_t refused;
    uint64_t filled;
    /* Lines a second. */
    uint64_t rate;
} writers[WRITERS];

static uint64_t rate;

static uint64_t now(void) { return bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0).w[0]; }

/* Found or made; NULL when there are too many. */
static struct writer *writer_of(uint64_t badge) {
    for (uint32_t i = 0; i < WRITERS; i++) {
        if (writers[i].badge == 0) writers[i] = (struct writer){.badge = badge, .tokens = BURST, .filled = now(), .rate = bw_quota(badge, BW_QUOTA_PER_SECOND, rate)};
        if (writers[i].badge == badge) return &writers[i];
    }
    return NULL;
}

/* The clock is asked only when the bucket is empty. */
static bool may_write(struct writer *w) {
    if (w->tokens == 0) {
        const uint64_t time = now(), passed = time - w->filled;
        const uint64_t more = passed > BURST * SECOND / w->rate ? BURST : passed * w->rate / SECOND;
        if (more == 0) return false;
        w->tokens = (uint32_t)more;
        w->filled = time;
    }
    w->tokens--;
    return true;
}

static bool is_reader(uint64_t badge) {
    const char *offer = bw_offer((uint32_t)(badge >> 16)), *reader = bw_arg("reader");
    return offer != NULL && reader != NULL && strcmp(offer, reader) == 0;
}

static uint32_t do_append(struct bw_request *r) {
    const uint64_t count = r->w[0];
    if (is_reader(r->badge)) return LOG_E_NOT_YOURS;
    if (count > LINE_BYTES || bw_request_bytes(r, 1, count) == NULL) return LOG_E_BAD_REQUEST;
    struct line *line = &lines[written % LINES], old = *line;
    /* The bytes are gone with the next system call. */
    memcpy(line->bytes, bw_request_bytes(r, 1, count), count);
    struct writer *w = writer_of(r->badge);
    if (w == NULL || !may_write(w)) {
        *line = old;
        if (w != NULL) w->refused++;
        return LOG_E_TOO_FAST;
    }
    line->writer = r->badge;
    line->refused = w->refused;
    line->count = (uint32_t)count;
    w->refused = 0;
    r->w[0] = written++;
    r->answer_length = 1;
    (void)bw_signal(SLOT_BELL);
    return 0;
}

static uint32_t do_read(struct bw_request *r) {
    if (!is_reader(r->badge)) return LOG_E_NOT_YOURS;
    const uint64_t oldest = written > LINES ? written - LINES : 0, number = r->w[0] < oldest ? oldest : r->w[0];
    if (number >= written) return LOG_E_NONE;
    const struct line *line = &lines[number % LINES];
    memcpy(bw_answer_room(4), line->bytes, line->count);
    r->w[0] = number;
    r->w[1] = line->writer;
    r->w[2] = line->refused;
    r->w[3] = line->count;
    bw_answer_bytes(r, 4, line->count);
    return 0;
}

static uint32_t do_attach(struct bw_request *r) {
    uint32_t kind = 0, rights = 0;
    if (!is_reader(r->badge)) return LOG_E_NOT_YOURS;
    if (r->caps != 1 || r->unwrapped != 0 || bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &kind, &rights) != 0 || kind != BW_KIND_NOTIFICATION) return LOG_E_NO_CAPABILITY;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_BELL);
    return bw_cnode_move(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, SLOT_RECEIVED) == 0 ? 0 : LOG_E_NO_CAPABILITY;
}

/* A quota counts lines: who only reads would have one that nobody keeps. */
static bool readers_have_quotas(void) {
    for (uint64_t offer = 0; bw_offer((uint32_t)offer) != NULL; offer++) {
        for (uint64_t client = 1; client <= bw_clients(); client++) {
            if (is_reader(offer << 16 | client) && bw_quota(offer << 16 | client, BW_QUOTA_PER_SECOND, 0) != 0) return true;
        }
    }
    return false;
}

int main(void) {
    if (readers_have_quotas()) {
        bw_log("a quota counts the lines that a client adds: one that only reads has none");
        return 1;
    }
    rate = bw_arg_number("rate", 10);
    if (rate == 0 || rate > 1000000) {
        bw_log("args.rate: lines a second of each writer, 1 to 1000000");
        return 1;
    }
    static const struct bw_method methods[] = {
        {.label = LOG_APPEND, .words = 1, .handle = do_append},
        {.label = LOG_READ, .words = 1, .handle = do_read},
        {.label = LOG_ATTACH, .words = 0, .handle = do_attach},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = LOG_E_BAD_REQUEST, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    bw_serve(&service);
}
