/* display.c: see display.h. */
#include <bailiwick.h>
#include <bailiwick/display-protocol.h>
#include <bailiwick/display.h>
#include <bailiwick/input.h>

enum { FRAME_BITS = 21, EVENTS = 512, MOST_SIDE = 4096, CHANNEL = BW_WINDOW_FRAMES };
#define FRAME_BYTES (1UL << FRAME_BITS)

static bool is_frame(bw_cptr cap) {
    uint32_t kind = BW_KIND_NULL, rights = 0;
    return bw_discrim_classify(BW_SLOT_DISCRIM, cap, &kind, &rights) == 0 && kind == BW_KIND_FRAME && (rights & BW_RIGHT_READ) != 0 && (rights & BW_RIGHT_WRITE) != 0;
}

/* All frames of the surface, into the slots and mapped. */
static uint32_t fetch(struct bw_window *window, const struct bw_window_wish *wish) {
    uint64_t frames = 1;
    for (uint64_t have = 0; have < frames;) {
        const uint64_t room = BW_WINDOW_FRAMES - have;
        const struct bw_receive before = bw_receive_into(wish->slots + have, room < BW_MAX_CAPS ? (uint32_t)room : BW_MAX_CAPS);
        const struct bw_msg m = bw_call(wish->display, bw_info(DISPLAY_SURFACE, 1, 0), have, 0, 0, 0);
        bw_receive_as(before);
        if (bw_error(&m) != 0) return BW_WINDOW_GONE;
        if (bw_label(&m) != 0) return bw_label(&m);
        const uint64_t width = m.w[0], height = m.w[1];
        frames = m.w[2];
        if (bw_length(&m) < 3 || bw_caps(&m) == 0 || bw_unwrapped(&m) != 0 || width == 0 || height == 0 || width > MOST_SIDE || height > MOST_SIDE) return BW_WINDOW_GONE;
        if (frames > BW_WINDOW_FRAMES || frames != (width * height * sizeof(uint32_t) + FRAME_BYTES - 1) / FRAME_BYTES || bw_caps(&m) > frames - have) return BW_WINDOW_GONE;
        for (uint32_t i = 0; i < bw_caps(&m); i++, have++) {
            const bw_cptr slot = wish->slots + have;
            if (!is_frame(slot) || bw_frame_map(slot, wish->address + have * FRAME_BYTES, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return BW_WINDOW_GONE;
        }
        window->canvas = (struct bw_canvas){(uint32_t *)wish->address, (uint32_t)width, (uint32_t)height, (uint32_t)width};
    }
    return 0;
}

uint32_t bw_window_open(struct bw_window *window, const struct bw_window_wish *wish) {
    *window = (struct bw_window){.display = wish->display};
    uint32_t refusal = fetch(window, wish);
    if (refusal == 0) {
        const struct bw_channel_wish events = {
            .from_server = {EVENTS, sizeof(struct bw_input_event)}, .slots = wish->slots + CHANNEL, .address = wish->address + BW_WINDOW_FRAMES * FRAME_BYTES, .bit = wish->bit,
        };
        const bw_err error = bw_channel_open(&window->channel, wish->display, &events, &refusal);
        if (error != 0 && refusal == 0) refusal = BW_WINDOW_GONE;
    }
    for (uint32_t i = 0; refusal != 0 && i < BW_WINDOW_FRAMES; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, wish->slots + i);
    return refusal;
}

uint32_t bw_window_flush(const struct bw_window *window, struct bw_area area) {
    const struct bw_area part = bw_area_common(area, (struct bw_area){0, 0, (int32_t)window->canvas.width, (int32_t)window->canvas.height});
    if (part.width <= 0) return 0;
    const struct bw_msg m = bw_call(window->display, bw_info(DISPLAY_FLUSH, 4, 0), (uint64_t)part.x, (uint64_t)part.y, (uint64_t)part.width, (uint64_t)part.height);
    return bw_error(&m) != 0 ? BW_WINDOW_GONE : bw_label(&m);
}

uint32_t bw_window_flush_all(const struct bw_window *window) { return bw_window_flush(window, (struct bw_area){0, 0, (int32_t)window->canvas.width, (int32_t)window->canvas.height}); }

static void forget(struct bw_window *w) { w->buttons = 0, w->shift = w->control = w->moved = false; }

static bool to_key(struct bw_window *w, const struct bw_input_event *e, struct bw_window_event *event) {
    if (e->code >= BW_BUTTON_LEFT && e->code < BW_BUTTON_LEFT + 8) {
        const uint32_t bit = 1U << (e->code - BW_BUTTON_LEFT);
        w->buttons = e->value != 0 ? w->buttons | bit : w->buttons & ~bit;
        /* It happened where the pointer is: the motion to there goes with it. */
        w->moved = false;
        event->kind = BW_WINDOW_BUTTON;
        return true;
    }
    if (e->code == BW_KEY_SHIFT || e->code == BW_KEY_RIGHT_SHIFT) w->shift = e->value != 0;
    if (e->code == BW_KEY_CONTROL || e->code == BW_KEY_RIGHT_CONTROL) w->control = e->value != 0;
    event->kind = BW_WINDOW_KEY;
    event->character = e->value != 0 && !w->control ? bw_key_character(e->code, w->shift) : 0;
    return true;
}

/* False: it is a part of an event that is not whole yet. */
static bool translate(struct bw_window *w, const struct bw_input_event *e, struct bw_window_event *event) {
    *event = (struct bw_window_event){.code = e->code, .value = e->value};
    switch (e->type) {
    case BW_EVENT_KEY: return to_key(w, e, event);
    case BW_EVENT_ABSOLUTE:
        if (e->code == BW_AXIS_X) w->x = e->value;
        if (e->code == BW_AXIS_Y) w->y = e->value;
        w->moved = true;
        return false;
    case BW_EVENT_RELATIVE: event->kind = BW_WINDOW_WHEEL; return e->code == BW_WHEEL;
    case BW_EVENT_FOCUS:
        w->focused = e->value != 0;
        if (!w->focused) forget(w);
        event->kind = BW_WINDOW_FOCUS;
        return true;
    case BW_EVENT_SYN:
        if (e->code == BW_EVENT_DROPPED) forget(w);
        event->kind = e->code == BW_EVENT_DROPPED ? BW_WINDOW_LOST : BW_WINDOW_MOVE;
        if (e->code == BW_EVENT_REPORT && !w->moved) return false;
        w->moved = false;
        return true;
    default: return false;
    }
}

bool bw_window_try_next(struct bw_window *window, struct bw_window_event *event) {
    struct bw_input_event e;
    while (bw_try_receive(&window->channel.in, &e) == BW_RING_DONE) if (translate(window, &e, event)) return true;
    return false;
}

bool bw_window_next(struct bw_window *window, struct bw_window_event *event) {
    struct bw_input_event e;
    while (bw_receive_message(&window->channel.in, &e) == BW_RING_DONE) if (translate(window, &e, event)) return true;
    return false;
}
