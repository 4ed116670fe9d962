/*
 * The display server: one surface for each client of the manifest, of which one is seen, below a bar that only this server draws. It is the one client of the
 * drivers of the display, the keyboard and the tablet. Protocol: protocol.ts; behaviour: README.md.
 *
 * Invariants
 *   D1  A client's pixels and events reach nobody else: its surface is memory of its own, and events go to the client that is seen, or to nobody.
 *   D2  The bar is drawn by this server alone, names the client that is seen as the manifest does, and no surface covers it.
 *   D3  The keys that choose who is seen (F12, and a click into the bar) never reach a client, so none can hold them back or make them up.
 *   D4  A client that takes no events loses its own, and is told (SYN_DROPPED). Nobody is waited for but the drivers.
 * All memory is there from the start, and is the server's: a client that ends takes nothing away.
 */
#include <bailiwick.h>
#include <bailiwick/channel.h>
#include <bailiwick/display.h>
#include <bailiwick/displaydriver.h>
#include <bailiwick/draw.h>
#include <bailiwick/input.h>
#include <bailiwick/terminus16.h>

BW_USE(gpu);
BW_USE_OPTIONAL(keyboard);
BW_USE_OPTIONAL(tablet);

enum { CLIENTS = 4, FRAMES = 4, BAR = 24, PIXEL = 4, PIECE = 64, EVENTS = 128, KEY_SWITCH = 88, TABLET_MOST = 32767 };
enum { BAR_GROUND = 0x203040, BAR_TEXT = 0xffffff, BAR_EDGE = 0xe0b040 };
/* The upper half of the CSpace is the program's own. */
enum {
    SLOT_RECEIVED = 128, SLOT_LENT, SLOT_SCREEN, SLOT_SURFACES = SLOT_SCREEN + FRAMES, SLOT_INPUTS = SLOT_SURFACES + CLIENTS * FRAMES,
    INPUT_SLOTS = BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(1), SLOT_CLIENTS = SLOT_INPUTS + 2 * INPUT_SLOTS,
};
_Static_assert(SLOT_CLIENTS + BW_CHANNEL_TABLES + CLIENTS * BW_CHANNEL_SLOTS(1) <= 256, "all slots are there");
#define WINDOW (2UL << 20)
#define INPUTS_ADDRESS BW_ADDRESS_OWN
#define CLIENTS_ADDRESS (BW_ADDRESS_OWN + 2 * WINDOW)
#define SCREEN_ADDRESS (BW_ADDRESS_OWN + 4 * WINDOW)
#define SURFACES_ADDRESS (SCREEN_ADDRESS + FRAMES * WINDOW)
#define KEYBOARD_BIT (1ULL << 52)
#define TABLET_BIT (1ULL << 51)
#define FIRST_CLIENT_BIT (1ULL << 40)

static struct bw_canvas screen;
static struct bw_font font;
static uint32_t clients, seen, surface_frames;

static struct client {
    struct bw_canvas surface;
    /* Of its channel; 0: it has none. */
    uint64_t badge;
    uint64_t events;
    /* Events were lost, and it has not been told. */
    bool lost;
} table[CLIENTS];

static struct bw_channel keyboard, tablet;
/* Of the moment that is going on: the rest of it is nobody's. */
static bool swallow;
/* The pointer, in pixels of the screen. */
static uint32_t pointer_y;

static struct bw_accepted channels[CLIENTS];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = CLIENTS, .pages = 1, .slots = SLOT_CLIENTS, .address = CLIENTS_ADDRESS, .first_bit = FIRST_CLIENT_BIT, .received = SLOT_RECEIVED,
};

static void show(uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
    const struct bw_msg m = bw_call(bw_use_gpu.cap, bw_info(DISPLAY_DRIVER_FLUSH, 4, 0), x, y, width, height);
    if (bw_error(&m) != 0 || bw_label(&m) != 0) bw_log("the display's driver does not show what it is given");
}

/* The bar (D2), and all of the surface below it. */
static void show_client(uint32_t number) {
    seen = number;
    const char *name = bw_client(number + 1);
    if (name == NULL) name = "?";
    bw_fill(&screen, (struct bw_area){0, 0, (int32_t)screen.width, BAR}, BAR_GROUND);
    bw_fill(&screen, (struct bw_area){0, BAR - 2, (int32_t)screen.width, 2}, BAR_EDGE);
    (void)bw_text(&screen, &font, 8, 3, name, strlen(name), BAR_TEXT, BW_CLEAR);
    if (clients > 1) {
        static const char hint[] = "F12: next";
        (void)bw_text(&screen, &font, (int32_t)(screen.width - bw_text_width(&font, hint, sizeof hint - 1)) - 8, 3, hint, sizeof hint - 1, BAR_TEXT, BW_CLEAR);
    }
    bw_copy(&screen, 0, BAR, &table[number].surface);
    show(0, 0, screen.width, screen.height);
}

static void put(struct client *c, struct bw_accepted *to, uint16_t type, uint16_t code, int32_t value) {
    const struct bw_input_event event = {.type = type, .code = code, .value = value, .number = c->events + 1};
    if (bw_try_put(&to->out, &event) == BW_RING_DONE) c->events++;
    else c->lost = true;
}

/* D1, D4 */
static void deliver(uint32_t number, uint16_t type, uint16_t code, int32_t value) {
    struct client *c = &table[number];
    struct bw_accepted *to = bw_accepted_of(&acceptor, c->badge);
    if (to == NULL || !to->has_out) return;
    if (c->lost) {
        if (bw_sendable(&to->out) < 3) return;
        c->lost = false;
        put(c, to, BW_EVENT_SYN, BW_EVENT_DROPPED, 0);
        put(c, to, BW_EVENT_SYN, BW_EVENT_REPORT, 0);
    }
    put(c, to, type, code, value);
    bw_announce(&to->out);
}

/* D3. Whoever is seen no more hears nothing of keys that are released later: what it holds it is to forget. */
static void next_client(void) {
    table[seen].lost = true;
    deliver(seen, BW_EVENT_SYN, BW_EVENT_REPORT, 0);
    show_client((seen + 1) % clients);
}

static void key(const struct bw_input_event *e) {
    if (e->type == BW_EVENT_SYN && e->code == BW_EVENT_REPORT && swallow) {
        swallow = false;
        return;
    }
    if (e->type == BW_EVENT_KEY && e->code == KEY_SWITCH) {
        swallow = true;
        if (e->value == 1) next_client();
        return;
    }
    deliver(seen, e->type, e->code, e->value);
}

static void point(const struct bw_input_event *e) {
    int32_t value = e->value;
    if (e->type == BW_EVENT_ABSOLUTE && e->code <= BW_AXIS_Y) {
        const uint32_t side = e->code == BW_AXIS_X ? screen.width : screen.height;
        const uint64_t at = value < 0 ? 0 : value > TABLET_MOST ? TABLET_MOST : (uint64_t)value;
        const uint32_t pixel = (uint32_t)((at * (side - 1) + TABLET_MOST / 2) / TABLET_MOST);
        if (e->code == BW_AXIS_Y) pointer_y = pixel;
        value = e->code == BW_AXIS_X ? (int32_t)pixel : pixel < BAR ? 0 : (int32_t)(pixel - BAR);
    }
    /* The bar's clicks are this server's. */
    if (e->type == BW_EVENT_KEY && e->value == 1 && pointer_y < BAR) {
        if (e->code == BW_BUTTON_LEFT) next_client();
        return;
    }
    deliver(seen, e->type, e->code, value);
}

/* A piece of the drivers' events. */
static bool take(struct bw_channel *from, void (*handle)(const struct bw_input_event *)) {
    struct bw_input_event event;
    uint32_t taken = 0;
    if (from->pages == 0) return false;
    while (taken < PIECE && bw_try_receive(&from->in, &event) == BW_RING_DONE) handle(&event), taken++;
    return taken == PIECE || !bw_receiver_sleeps(&from->in);
}

static bool turn(void) {
    const bool keys = take(&keyboard, key), points = take(&tablet, point);
    return keys || points;
}

/* By its number in the manifest, whatever offer of ours it uses. NULL: none of the manifest's. */
static struct client *client_of(uint64_t badge) {
    const uint64_t number = badge & 0xffff;
    return (badge & BW_BADGE_MINTED) != 0 || number == 0 || number > clients ? NULL : &table[number - 1];
}

static uint32_t do_surface(struct bw_request *r) {
    const struct client *c = client_of(r->badge);
    const uint64_t first = r->w[0];
    if (c == NULL || first >= surface_frames) return DISPLAY_E_BAD_REQUEST;
    for (uint64_t i = first; i < surface_frames && r->answer_caps < BW_MAX_CAPS; i++) bw_ipc()->caps[r->answer_caps++] = SLOT_SURFACES + (bw_cptr)(c - table) * FRAMES + i;
    r->w[0] = c->surface.width;
    r->w[1] = c->surface.height;
    r->w[2] = surface_frames;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_flush(struct bw_request *r) {
    const struct client *c = client_of(r->badge);
    if (c == NULL) return DISPLAY_E_BAD_REQUEST;
    const struct bw_canvas *s = &c->surface;
    const uint64_t x = r->w[0], y = r->w[1], width = r->w[2], height = r->w[3];
    if (x >= s->width || y >= s->height || width == 0 || height == 0 || width > s->width - x || height > s->height - y) return DISPLAY_E_BAD_REQUEST;
    const bool is_seen = c == &table[seen];
    if (is_seen) {
        const struct bw_canvas part = bw_canvas_part(s, (struct bw_area){(int32_t)x, (int32_t)y, (int32_t)width, (int32_t)height});
        bw_copy(&screen, (int32_t)x, (int32_t)y + BAR, &part);
        show((uint32_t)x, (uint32_t)y + BAR, (uint32_t)width, (uint32_t)height);
    }
    r->w[0] = is_seen;
    r->answer_length = 1;
    return 0;
}

static uint32_t do_open(struct bw_request *r) {
    struct client *c = client_of(r->badge);
    if (c == NULL || r->w[0] != 0 || r->w[1] != 0 || r->w[3] != sizeof(struct bw_input_event) || r->w[2] > EVENTS) return DISPLAY_E_BAD_REQUEST;
    const uint32_t refusal = bw_accept(&acceptor, r);
    if (refusal == 0) c->badge = r->badge, c->events = 0, c->lost = false;
    return refusal;
}
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

static bw_err make_frames(bw_cptr slots, uint64_t address, uint64_t count) {
    bw_err error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, slots + i);
        if (error == 0) error = bw_frame_map(slots + i, address + i * WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    }
    return error;
}

/* What is wrong, NULL: nothing. */
static const char *open_screen(void) {
    const struct bw_msg info = bw_call(bw_use_gpu.cap, bw_info(DISPLAY_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    if (bw_error(&info) != 0 || bw_label(&info) != 0) return "there is no display behind the driver";
    const uint64_t width = info.w[0], height = info.w[1], frames = info.w[2];
    if (frames > FRAMES || height <= 2 * BAR || height > 4096 || width < 64 || width > 4096 || frames != (width * height * PIXEL + WINDOW - 1) / WINDOW) return "the display is too large or too small: 64 x 49 up to 1920 x 1080 pixels";
    surface_frames = (uint32_t)((width * (height - BAR) * PIXEL + WINDOW - 1) / WINDOW);
    screen = (struct bw_canvas){(uint32_t *)SCREEN_ADDRESS, (uint32_t)width, (uint32_t)height, (uint32_t)width};
    bw_err error = make_frames(SLOT_SCREEN, SCREEN_ADDRESS, frames);
    for (uint32_t i = 0; error == 0 && i < clients; i++) {
        const uint64_t address = SURFACES_ADDRESS + i * FRAMES * WINDOW;
        error = make_frames(SLOT_SURFACES + i * FRAMES, address, surface_frames);
        table[i].surface = (struct bw_canvas){(uint32_t *)address, screen.width, screen.height - BAR, screen.width};
    }
    if (error != 0) return "the memory does not suffice: 2 MiB for each such piece of the screen, and of each client's surface (components.NAME.memory)";
    for (uint64_t i = 0; i < frames; i++) {
        if (bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT, BW_SLOT_CNODE, SLOT_SCREEN + i, BW_RIGHT_READ) != 0) return "the screen's memory cannot be lent";
        bw_ipc()->caps[0] = SLOT_LENT;
        const struct bw_msg m = bw_call(bw_use_gpu.cap, bw_info(DISPLAY_DRIVER_WINDOW, 1, 1), i, 0, 0, 0);
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_LENT);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) return "the display's driver does not take the screen's memory";
    }
    return NULL;
}

static void open_input(struct bw_channel *channel, bw_cptr driver, uint32_t number, uint64_t bit) {
    const struct bw_channel_wish wish = {
        .from_server = {EVENTS, sizeof(struct bw_input_event)}, .slots = SLOT_INPUTS + number * INPUT_SLOTS, .address = INPUTS_ADDRESS + number * WINDOW, .bit = bit,
    };
    uint32_t refusal = 0;
    const bw_err error = driver == 0 ? 0 : bw_channel_open(channel, driver, &wish, &refusal);
    if (error == 0) return;
    channel->pages = 0;
    bw_log(number == 0 ? "the keyboard's driver gives no channel: there will be no keys" : "the tablet's driver gives no channel: there will be no pointer");
}

int main(void) {
    clients = bw_clients();
    if (clients == 0 || clients > CLIENTS) {
        bw_log("a display has 1 to 4 clients");
        return 1;
    }
    const bw_err error = bw_acceptor_init(&acceptor);
    /* Small things first: what is left between frames of 2 MiB is of no use afterwards. */
    open_input(&keyboard, bw_use_keyboard.cap, 0, KEYBOARD_BIT);
    open_input(&tablet, bw_use_tablet.cap, 1, TABLET_BIT);
    const char *wrong = error != 0 ? "the memory does not suffice" : !bw_font_open(&font, bw_terminus16, sizeof bw_terminus16) ? "the font is none" : open_screen();
    if (wrong != NULL) {
        bw_log(wrong);
        return 1;
    }
    show_client(0);
    while (turn()) continue;
    static const struct bw_method methods[] = {
        {.label = DISPLAY_SURFACE, .words = 1, .handle = do_surface},
        {.label = DISPLAY_FLUSH, .words = 4, .handle = do_flush},
        {.label = DISPLAY_OPEN, .words = 4, .handle = do_open},
        {.label = DISPLAY_MEMORY, .words = 1, .handle = do_memory},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = DISPLAY_E_BAD_REQUEST, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
