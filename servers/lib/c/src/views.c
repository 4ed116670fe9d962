/*
 * views.c: see views.h.
 *
 * Invariants
 *   C1  The bytes of two writes never mix: they go on in order of arrival, each whole before the next.
 *   C2  A client has at most one write waiting; it waits in its own reply object. Nobody else waits for it but for the queue's room, and for one that its quota keeps back not at all.
 *   C3  Nothing spins: while the device is busy it will interrupt, and until then the driver sleeps.
 *   C4  Input goes into the view that has the focus and no other; only the keyboard moves the focus from a view that has it.
 *   C5  Where escape sequences are not passed on, what is in inverse video was written by the server: labels, and what it says of the focus.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/quota.h>
#include <bailiwick/views.h>

#include "filter.h"

/* A write has its count before the bytes, a read's answer too. */
enum { COUNT_WORDS = 1, MOST_BYTES = 944 };
_Static_assert(COUNT_WORDS * 8 + MOST_BYTES <= BW_MAX_WORDS * 8, "the protocol's limit fits in a message");

/* LABEL_MOST: bytes that a byte of a client's may become, with the label before it. SAY_MOST: the longest thing that the server says. */
enum { VIEWS = 32, WAITING = 48, OUTPUT = 16384, INPUT = 2048, HISTORY = 4096, CLIENTS_MOST = 64, NAME_MOST = 24, LABEL_MOST = 64, SAY_MOST = 64 + VIEWS * (NAME_MOST + 10) };
enum { SLOT_RECEIVED = 128, SLOT_REPLIES = 129, SLOT_BELLS = SLOT_REPLIES + WAITING, SLOT_ALARM = SLOT_BELLS + VIEWS };
#define ALARM_BIT (1ULL << 45)
_Static_assert(SLOT_ALARM < BW_VIEWS_SLOTS_END, "the driver's slots are its own");
_Static_assert(SAY_MOST + HISTORY < OUTPUT, "what is shown at a switch fits in an empty queue");

enum { KEY = 0x1d /* Ctrl-] */ };

/* A ring of bytes; size is a power of two, put and taken count for ever. */
struct ring {
    uint8_t *bytes;
    uint32_t size;
    uint32_t put;
    uint32_t taken;
};

static struct view {
    uint64_t badge;
    const char *name;
    struct ring input, history;
    /* There is a notification in its slot; its program has ended, since it could not be signalled. */
    bool attached, gone;
    struct filter filter;
    /* Columns behind the label that may be gone back over, at least that many. */
    uint32_t columns;
    uint8_t input_bytes[INPUT], history_bytes[HISTORY];
} views[VIEWS];

/* A client's write that has no room yet, or that its quota keeps back. */
struct waiter {
    bw_cptr reply;
    uint64_t client;
    bool kept_back;
    uint32_t count;
    uint32_t done;
    uint8_t bytes[MOST_BYTES];
};

enum show { ALL, ONE, LINES };
static const char *const show_names[] = {[ALL] = "all", [ONE] = "one", [LINES] = "lines"};

static uint8_t output_bytes[OUTPUT];
static struct {
    const struct bw_line *line;
    enum show show;
    /* Escape sequences of clients are passed on. */
    bool escapes;
    uint32_t count;
    struct view *focus;
    struct ring output;
    /* The key was pressed: the next one says what for. */
    bool key_held;
    /* To be said when there is room. */
    bool say_focus, say_list;
    /* In LINES: whose line is not ended. */
    struct view *open;
    /* waiters[order[i]] for i < waiting: the one that has begun, then the oldest first. Each place keeps its own reply object when it is free. */
    struct waiter waiters[WAITING];
    uint32_t order[WAITING];
    uint32_t waiting;
    /* Those that are kept back may go on: it is time to ask. */
    bool due;
    struct bw_clock clock;
    struct bw_flows flows;
} state;

static struct bw_service service;

static uint32_t used(const struct ring *r) { return r->put - r->taken; }
static uint32_t room(const struct ring *r) { return r->size - used(r); }
static void put(struct ring *r, uint8_t byte) { r->bytes[r->put++ % r->size] = byte; }
static uint8_t take(struct ring *r) { return r->bytes[r->taken++ % r->size]; }
static void put_text(const char *text) { while (*text != 0) put(&state.output, (uint8_t)*text++); }

/* NULL: a client for which there is no view. */
static struct view *view_of(uint64_t badge) {
    for (uint32_t i = 0; i < state.count; i++) if (views[i].badge == badge) return &views[i];
    return NULL;
}
static uint32_t number_of(const struct view *v) { return (uint32_t)(v - views) + 1; }

/* What the server says. */

static void put_number(uint32_t n) {
    if (n > 9) put(&state.output, (uint8_t)('0' + n / 10));
    put(&state.output, (uint8_t)('0' + n % 10));
}

static void put_label(const struct view *v, const char *more) {
    put_text("[");
    put_number(number_of(v));
    put_text(" ");
    put_text(v->name);
    put_text(more);
    put_text("]");
}

/* Whatever a client began ends here: ST ends a string, ESC any other sequence. */
static void begin_saying(void) {
    const struct ring *r = &state.output;
    if (r->put > 0 && r->bytes[(r->put - 1) % r->size] != '\n') put_text("\n");
    put_text("\033\\\033[0;7m");
    state.open = NULL;
}

static void show_history(const struct view *v) {
    struct ring history = v->history;
    /* From the first whole line on, if the beginning is lost. */
    if (history.put > HISTORY) while (used(&history) > 0 && take(&history) != '\n') continue;
    while (used(&history) > 0) put(&state.output, take(&history));
}

static void speak(void) {
    if (state.say_focus && room(&state.output) >= SAY_MOST) {
        begin_saying();
        put_label(state.focus, "");
        put_text("\033[0m\n");
        state.say_focus = false;
    }
    if (state.say_list && room(&state.output) >= SAY_MOST) {
        begin_saying();
        for (uint32_t i = 0; i < state.count; i++) put_label(&views[i], &views[i] == state.focus ? " *" : "");
        put_text("\033[0m\n");
        state.say_list = false;
    }
}

/* A client's output. */

static void record(struct view *v, uint8_t byte) {
    if (room(&v->history) == 0) v->history.taken++;
    put(&v->history, byte);
}

static void put_line(struct view *v, const uint8_t *bytes, uint32_t count) {
    const uint8_t byte = bytes[0];
    if (byte == '\b' && (state.open != v || v->columns == 0)) return;
    if (state.open != v) {
        if (state.open != NULL) put_text("\n");
        put_text("\033[7m");
        put_text(v->name);
        put_text("\033[0m ");
        state.open = v;
        v->columns = 0;
    }
    for (uint32_t i = 0; i < count; i++) put(&state.output, bytes[i]);
    if (byte == '\n') state.open = NULL;
    /* Other characters may take no column at all. */
    else if (byte == '\b') v->columns--;
    else if (byte >= 0x20 && byte < 0x80) v->columns++;
}

static void put_one(struct view *v, const uint8_t *bytes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        record(v, bytes[i]);
        if (v == state.focus) put(&state.output, bytes[i]);
    }
}

/* What the writer's next bytes wait for: room in the queue, unless nobody sees them. */
static bool is_hidden(const struct view *v) { return state.show == ONE && v != state.focus; }

static void transmit(void) {
    struct ring *r = &state.output;
    while (used(r) > 0) {
        const uint32_t at = r->taken % r->size, straight = r->size - at < used(r) ? r->size - at : used(r), sent = state.line->send(&r->bytes[at], straight);
        r->taken += sent;
        if (sent < straight) return;
    }
}

/* As many of a client's bytes as there is room for; how many those were. */
static uint32_t write_out(struct view *v, const uint8_t *bytes, uint32_t count) {
    uint32_t done = 0;
    for (; done < count; done++) {
        if (room(&state.output) < LABEL_MOST && !is_hidden(v)) transmit();
        if (room(&state.output) < LABEL_MOST && !is_hidden(v)) break;
        if (state.show == ALL) put(&state.output, bytes[done]);
        else if (state.escapes) put_one(v, &bytes[done], 1);
        else if (!bw_filter_passes(&v->filter, bytes[done], state.show == ONE)) continue;
        else if (state.show == ONE) put_one(v, v->filter.held, v->filter.held_count);
        else put_line(v, v->filter.held, v->filter.held_count);
    }
    return done;
}

/* The place of what begins to wait, first or last among them. */
static struct waiter *place(bool first) {
    const uint32_t free_place = state.order[state.waiting], at = first ? 0 : state.waiting;
    for (uint32_t i = state.waiting; i > at; i--) state.order[i] = state.order[i - 1];
    state.order[at] = free_place;
    state.waiting++;
    return &state.waiters[free_place];
}

/* The one at this place in the order waits no more, or goes before all others. */
static void take_away(uint32_t at) {
    const uint32_t freed = state.order[at];
    state.waiting--;
    for (uint32_t i = at; i < state.waiting; i++) state.order[i] = state.order[i + 1];
    state.order[state.waiting] = freed;
}

/* Lets waiting writes in, oldest first, as the queue empties (C1). */
static void admit(void) {
    for (uint32_t i = 0; i < state.waiting;) {
        struct waiter *w = &state.waiters[state.order[i]];
        if (w->kept_back) w->kept_back = !state.due || !bw_flow_passes(&state.flows, bw_flow_of(&state.flows, w->client), w->count);
        if (w->kept_back) {
            i++;
            continue;
        }
        w->done += write_out(view_of(w->client), &w->bytes[w->done], w->count - w->done);
        take_away(i);
        if (w->done < w->count) {
            (void)place(true);
            return;
        }
        /* A caller that is gone by now is nobody's loss. */
        (void)bw_send(w->reply, bw_info(0, 1, 0), w->count, 0, 0, 0);
    }
    state.due = false;
}

static bool is_waiting(uint64_t client) {
    for (uint32_t i = 0; i < state.waiting; i++) if (state.waiters[state.order[i]].client == client) return true;
    return false;
}

/* Somebody waits for the queue's room. */
static bool is_crowded(void) {
    for (uint32_t i = 0; i < state.waiting; i++) if (!state.waiters[state.order[i]].kept_back) return true;
    return false;
}

/* Input. */

/* A program that has ended cannot be told of it, and keeps no input from others. */
static void tell(struct view *v) {
    if (!v->attached || bw_signal(SLOT_BELLS + (bw_cptr)(v - views)) == 0) return;
    v->attached = false;
    v->gone = true;
    v->input.taken = v->input.put;
}

static void deliver(uint8_t byte) {
    struct view *v = state.focus;
    if (v->gone) return;
    put(&v->input, byte);
    if (used(&v->input) == 1 || room(&v->input) < 2) tell(v);
}

static void move_focus(struct view *v) {
    state.focus = v;
    if (state.show == ONE) {
        /* What was on its way is in the history of whose it was. */
        state.output.taken = state.output.put;
        state.open = NULL;
        begin_saying();
        put_text("\033c\033[7m");
        put_label(v, "");
        put_text("\033[0m\n");
        show_history(v);
    } else {
        state.say_focus = true;
    }
}

static void key(uint8_t byte) {
    const uint32_t at = state.focus == NULL ? 0 : number_of(state.focus) - 1;
    state.key_held = false;
    if (byte == 'n') move_focus(&views[(at + 1) % state.count]);
    else if (byte == 'p') move_focus(&views[(at + state.count - 1) % state.count]);
    else if (byte >= '1' && byte <= '9' && (uint32_t)(byte - '1') < state.count) move_focus(&views[byte - '1']);
    else if (byte == 'l') state.say_list = true;
    else if (byte == KEY) deliver(KEY);
    else {
        /* Not one of ours: the client gets both keys. */
        deliver(KEY);
        deliver(byte);
    }
}

/* A key that is held back becomes two bytes. */
static bool takes_input(void) { return state.focus != NULL && (state.focus->gone || room(&state.focus->input) >= 2); }

static void receive(void) {
    uint8_t byte;
    while (takes_input() && state.line->receive(&byte)) {
        if (state.key_held) key(byte);
        else if (byte == KEY && state.count > 1) state.key_held = true;
        else deliver(byte);
    }
}

void bw_views_go_on(void) {
    receive();
    speak();
    admit();
    transmit();
    /* What was to be said may have found no room before. */
    speak();
    transmit();
    if (state.line->want != NULL) state.line->want(takes_input(), used(&state.output) > 0);
}

/* A program that ended while its view was full. */
static void probe(void) {
    tell(state.focus);
    if (takes_input()) bw_views_go_on();
}

/* Requests. */

/* Whether a client's quota lets it write so much now. The bytes are kept: asking for the time, what lies in the IPC buffer is gone. */
static bool passes_now(struct bw_flow *flow, const uint8_t **bytes, uint32_t count) {
    static uint8_t kept[MOST_BYTES];
    memcpy(kept, *bytes, count);
    *bytes = kept;
    bw_clock_is_stale(&state.clock);
    return bw_flow_passes(&state.flows, flow, count);
}

/* w0: count, then the bytes. Answers count when they are queued; until then the caller waits. Refusals: badRequest; full when this client has a
 * write waiting already, or too many clients do. */
static uint32_t write_request(struct bw_request *r) {
    const uint64_t count = r->w[0];
    const uint8_t *bytes = count <= MOST_BYTES ? bw_request_bytes(r, COUNT_WORDS, count) : NULL;
    struct view *v = view_of(r->badge);
    if (bytes == NULL || (v == NULL && state.show != ALL)) return CONSOLE_E_BAD_REQUEST;
    struct bw_flow *flow = bw_flow_of(&state.flows, r->badge);
    if (flow != NULL && is_waiting(r->badge)) return CONSOLE_E_FULL;
    const bool behind = is_crowded() && !is_hidden(v), late = flow != NULL && !passes_now(flow, &bytes, (uint32_t)count);
    if ((behind || late) && (state.waiting == WAITING || is_waiting(r->badge))) return CONSOLE_E_FULL;
    const uint32_t done = behind || late ? 0 : write_out(v, bytes, (uint32_t)count);
    if (done < count) {
        /* What has begun is before all others. */
        struct waiter *w = place(!behind && !late);
        /* The caller stays in the reply object it came with; the free one of this place receives from now on. */
        service.reply = w->reply;
        w->reply = r->reply;
        w->client = r->badge;
        w->kept_back = late;
        w->count = (uint32_t)count;
        w->done = done;
        memcpy(w->bytes, bytes, count);
        return BW_LATER;
    }
    transmit();
    if (used(&state.output) > 0 && state.line->want != NULL) state.line->want(takes_input(), true);
    /* Nothing comes from the keyboard to a view that is full: if its program has ended since, somebody must notice. */
    if (state.focus != NULL && !takes_input()) probe();
    r->w[0] = count;
    r->answer_length = 1;
    return 0;
}

static uint32_t do_write(struct bw_request *r) {
    const uint32_t label = write_request(r);
    if (state.line->sent != NULL) state.line->sent();
    return label;
}

/* w0: most. Answers the count, then the bytes; 0 when there is no input for this client. */
static uint32_t do_read(struct bw_request *r) {
    if (r->w[0] > MOST_BYTES) return CONSOLE_E_BAD_REQUEST;
    static uint8_t bytes[MOST_BYTES];
    struct view *v = view_of(r->badge);
    const uint32_t waits = v == NULL ? 0 : used(&v->input), count = waits < r->w[0] ? waits : (uint32_t)r->w[0];
    for (uint32_t i = 0; i < count; i++) bytes[i] = take(&v->input);
    /* There may be room again for what the device holds. */
    if (count > 0 && v == state.focus) bw_views_go_on();
    memcpy(bw_answer_room(COUNT_WORDS), bytes, count);
    r->w[0] = count;
    bw_answer_bytes(r, COUNT_WORDS, count);
    return 0;
}

/* One capability: the notification to signal when input begins to wait; it is signalled once at once, which shows that it can be, and tells of input
 * that waits already. Refusals: noCapability; full when there is no view for this client. */
static uint32_t do_attach(struct bw_request *r) {
    struct view *v = view_of(r->badge);
    if (r->caps != 1 || r->unwrapped != 0) return CONSOLE_E_NO_CAPABILITY;
    if (v == NULL) return CONSOLE_E_FULL;
    if (bw_signal(SLOT_RECEIVED) != 0) return CONSOLE_E_NO_CAPABILITY;
    const bw_cptr bell = SLOT_BELLS + (bw_cptr)(v - views);
    (void)bw_cnode_delete(BW_SLOT_CNODE, bell);
    if (bw_cnode_move(BW_SLOT_CNODE, bell, BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return CONSOLE_E_NO_CAPABILITY;
    v->attached = true;
    v->gone = false;
    if (state.focus == NULL) state.focus = v;
    bw_views_go_on();
    return 0;
}

/* Of offers in order, clients in that of the manifest: so it says which number each has. */
static void find_clients(void) {
    for (uint32_t offer = 0; bw_offer(offer) != NULL; offer++) {
        for (uint32_t client = 1; client <= CLIENTS_MOST && state.count < VIEWS; client++) {
            const uint64_t badge = (uint64_t)offer << 16 | client;
            const char *name = bw_client(badge);
            if (name == NULL) continue;
            struct view *v = &views[state.count++];
            *v = (struct view){.badge = badge, .name = name, .input = {.bytes = v->input_bytes, .size = INPUT}, .history = {.bytes = v->history_bytes, .size = HISTORY}};
        }
    }
}

static bool read_arguments(void) {
    const char *show = bw_arg("show"), *focus = bw_arg("focus");
    uint32_t mode = ALL;
    while (show != NULL && mode <= LINES && strcmp(show, show_names[mode]) != 0) mode++;
    if (mode > LINES) {
        bw_log("args.show: all, one or lines");
        return false;
    }
    state.show = (enum show)mode;
    state.escapes = bw_arg_number("escapes", 0) == 1;
    if (state.escapes && state.show != ONE) {
        bw_log("args.escapes: for 'show: one' only");
        return false;
    }
    if (state.count == 1 || (state.show == ONE && state.count > 0)) state.focus = views;
    if (focus == NULL) return true;
    for (uint32_t i = 0; i < state.count; i++) {
        if (strcmp(views[i].name, focus) != 0) continue;
        state.focus = &views[i];
        return true;
    }
    bw_log("args.focus: the name of a client");
    return false;
}

static void notified(uint64_t bits) {
    if ((bits & ALARM_BIT) != 0) {
        bw_clock_rang(&state.clock);
        bw_clock_is_stale(&state.clock);
        state.due = true;
        bw_views_go_on();
    }
    state.line->notified(bits);
}

static bool keep_quotas(void) {
    state.clock = (struct bw_clock){.timer = state.line->timer, .bell = SLOT_ALARM};
    return bw_cnode_mint(BW_SLOT_CNODE, SLOT_ALARM, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, ALARM_BIT) == 0 && bw_flows_begin(&state.flows, &state.clock);
}

void bw_views_serve(const struct bw_line *line) {
    state.line = line;
    state.output = (struct ring){.bytes = output_bytes, .size = OUTPUT};
    find_clients();
    if (!read_arguments()) return;
    /* One reply object for each caller that can wait; the one of the loop goes round among them. */
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, WAITING, BW_SLOT_CNODE, SLOT_REPLIES) != 0) {
        bw_log("console: too little memory for its reply objects");
        return;
    }
    for (uint32_t i = 0; i < WAITING; i++) state.waiters[i].reply = SLOT_REPLIES + i, state.order[i] = i;
    if (!keep_quotas()) {
        bw_log("console: there are quotas for more clients than it can have");
        return;
    }
    state.say_focus = state.show == ONE && state.focus != NULL;
    bw_views_go_on();
    static const struct bw_method methods[] = {
        {.label = CONSOLE_WRITE, .words = COUNT_WORDS, .handle = do_write},
        {.label = CONSOLE_READ, .words = COUNT_WORDS, .handle = do_read},
        {.label = CONSOLE_ATTACH, .words = 0, .handle = do_attach},
    };
    service = (struct bw_service){
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = CONSOLE_E_BAD_REQUEST, .notified = notified, .reply = BW_SLOT_REPLY,
        .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
