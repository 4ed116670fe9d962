/*
 * The display server: a window for each client of the manifest, with a title that only this server draws, below a bar that only this server draws. It is the one
 * client of the drivers of the display, the keyboard and the tablet. Protocol: protocol.ts; behaviour: README.md.
 *
 * Invariants
 *   D1  A client's pixels and events reach nobody else: its surface is memory of its own, and an event goes to one client, or to nobody.
 *   D2  The bar and the titles are drawn by this server alone and say names as the manifest does. No window covers the bar, and a surface is seen in its window's content only.
 *   D3  What changes the focus (F12, a click into the bar, a button that goes down) is the operator's alone: no request does, and F12 and the bar's clicks reach no client.
 *   D4  A request costs at most the pixels of its client's own window, on its client's time.
 *   D5  A client that takes no events loses its own, and is told (SYN_DROPPED). Nobody is waited for but the drivers.
 * All memory is there from the start, and is the server's: a client that ends takes nothing away.
 */
#include <bailiwick.h>
#include <bailiwick/channel.h>
#include <bailiwick/display-protocol.h>
#include <bailiwick/displaydriver.h>
#include <bailiwick/input.h>

#include "clients.h"
#include "input.h"
#include "screen.h"

BW_USE(gpu);
BW_USE_OPTIONAL(keyboard);
BW_USE_OPTIONAL(tablet);

enum { FRAMES = 4, PIXEL = 4, PIECE = 64, EVENTS = 128, MOST_SIDE = 4096 };
/* The upper half of the CSpace is the program's own. */
enum {
    SLOT_RECEIVED = 128, SLOT_LENT, SLOT_SCREEN, SLOT_SURFACES = SLOT_SCREEN + FRAMES, SLOT_INPUTS = SLOT_SURFACES + WINDOWS_MOST * FRAMES,
    INPUT_SLOTS = BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(1), SLOT_CLIENTS = SLOT_INPUTS + 2 * INPUT_SLOTS,
};
_Static_assert(SLOT_CLIENTS + CLIENTS_SLOTS <= 256, "all slots are there");
#define PIECE_BYTES (2UL << 20)
#define INPUTS_ADDRESS BW_ADDRESS_OWN
#define CLIENTS_ADDRESS (BW_ADDRESS_OWN + 2 * PIECE_BYTES)
#define SCREEN_ADDRESS (BW_ADDRESS_OWN + 4 * PIECE_BYTES)
#define SURFACES_ADDRESS (SCREEN_ADDRESS + FRAMES * PIECE_BYTES)
#define KEYBOARD_BIT (1ULL << 52)
#define TABLET_BIT (1ULL << 51)
#define FIRST_CLIENT_BIT (1ULL << 40)

static uint32_t surface_frames[WINDOWS_MOST];
static struct bw_channel keyboard, tablet;

/* A piece of the drivers' events. */
static bool take(struct bw_channel *from, void (*handle)(const struct bw_input_event *)) {
    struct bw_input_event event;
    uint32_t taken = 0;
    if (from->pages == 0) return false;
    while (taken < PIECE && bw_try_receive(&from->in, &event) == BW_RING_DONE) handle(&event), taken++;
    return taken == PIECE || !bw_receiver_sleeps(&from->in);
}

static bool turn(void) {
    const bool keys = take(&keyboard, input_key), points = take(&tablet, input_point);
    input_settle();
    return keys || points;
}

static uint32_t do_surface(struct bw_request *r) {
    const uint32_t number = client_of(r->badge);
    const uint64_t first = r->w[0];
    if (number == NOBODY || first >= surface_frames[number]) return DISPLAY_E_BAD_REQUEST;
    for (uint64_t i = first; i < surface_frames[number] && r->answer_caps < BW_MAX_CAPS; i++) bw_ipc()->caps[r->answer_caps++] = SLOT_SURFACES + (bw_cptr)number * FRAMES + i;
    r->w[0] = screen.surfaces[number].width;
    r->w[1] = screen.surfaces[number].height;
    r->w[2] = surface_frames[number];
    r->answer_length = 3;
    return 0;
}

/* D4. What is said of it is what the client knows: not whether other windows cover this one, which would tell where they are. */
static uint32_t do_flush(struct bw_request *r) {
    const uint32_t number = client_of(r->badge);
    if (number == NOBODY) return DISPLAY_E_BAD_REQUEST;
    const struct bw_canvas *s = &screen.surfaces[number];
    const uint64_t x = r->w[0], y = r->w[1], width = r->w[2], height = r->w[3];
    if (x >= s->width || y >= s->height || width == 0 || height == 0 || width > s->width - x || height > s->height - y) return DISPLAY_E_BAD_REQUEST;
    screen_update(number, (struct bw_area){(int32_t)x, (int32_t)y, (int32_t)width, (int32_t)height});
    r->w[0] = windows_focused(&screen.windows) == number;
    r->answer_length = 1;
    return 0;
}

static bw_err make_frames(bw_cptr slots, uint64_t address, uint64_t count) {
    bw_err error = 0;
    for (uint64_t i = 0; error == 0 && i < count; i++) {
        error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, slots + i);
        if (error == 0) error = bw_frame_map(slots + i, address + i * PIECE_BYTES, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    }
    return error;
}

static uint64_t frames_of(uint64_t width, uint64_t height) { return (width * height * PIXEL + PIECE_BYTES - 1) / PIECE_BYTES; }

/* Where the manifest says; the others share the desk. What is wrong, NULL: nothing. */
static const char *place_windows(uint32_t count) {
    struct windows *w = &screen.windows;
    uint32_t tiles = 0, tile = 0;
    w->count = count;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = bw_client(i + 1);
        screen.names[i] = name == NULL ? "?" : name;
        /* The first one has the focus. */
        w->order[i] = count - 1 - i;
        if (bw_arg_in("windows", screen.names[i]) == NULL) tiles++;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char *given = bw_arg_in("windows", screen.names[i]);
        if (given == NULL) w->all[i] = window_tile(w->desk, tile++, tiles);
        else if (!window_parse(given, w->desk, &w->all[i])) return "args.windows: each is \"full\", or \"X,Y WIDTHxHEIGHT\" on the screen below the bar, at least 64x64";
        if (!w->all[i].full && (w->all[i].frame.width < LEAST_SIDE || w->all[i].frame.height < LEAST_SIDE)) return "there is not room for all windows";
    }
    return NULL;
}

/* What is wrong, NULL: nothing. */
static const char *open_screen(uint32_t clients) {
    const struct bw_msg info = bw_call(bw_use_gpu.cap, bw_info(DISPLAY_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    if (bw_error(&info) != 0 || bw_label(&info) != 0) return "there is no display behind the driver";
    const uint64_t width = info.w[0], height = info.w[1], frames = info.w[2];
    const bool fits = height > 2 * BAR && height <= MOST_SIDE && width >= LEAST_SIDE && width <= MOST_SIDE && frames <= FRAMES && frames == frames_of(width, height);
    if (!fits) return "the display is too large or too small: 64 x 49 up to 1920 x 1080 pixels";
    screen.canvas = (struct bw_canvas){(uint32_t *)SCREEN_ADDRESS, (uint32_t)width, (uint32_t)height, (uint32_t)width};
    screen.windows.desk = (struct bw_area){0, BAR, (int32_t)width, (int32_t)height - BAR};
    const char *wrong = place_windows(clients);
    if (wrong != NULL) return wrong;
    bw_err error = make_frames(SLOT_SCREEN, SCREEN_ADDRESS, frames);
    for (uint32_t i = 0; error == 0 && i < clients; i++) {
        const uint64_t address = SURFACES_ADDRESS + i * FRAMES * PIECE_BYTES;
        const struct bw_area content = screen.windows.all[i].content;
        screen.surfaces[i] = (struct bw_canvas){(uint32_t *)address, (uint32_t)content.width, (uint32_t)content.height, (uint32_t)content.width};
        surface_frames[i] = (uint32_t)frames_of(screen.surfaces[i].width, screen.surfaces[i].height);
        error = make_frames(SLOT_SURFACES + i * FRAMES, address, surface_frames[i]);
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
        .from_server = {EVENTS, sizeof(struct bw_input_event)}, .slots = SLOT_INPUTS + number * INPUT_SLOTS, .address = INPUTS_ADDRESS + number * PIECE_BYTES, .bit = bit,
    };
    uint32_t refusal = 0;
    const bw_err error = driver == 0 ? 0 : bw_channel_open(channel, driver, &wish, &refusal);
    if (error == 0) return;
    channel->pages = 0;
    bw_log(number == 0 ? "the keyboard's driver gives no channel: there will be no keys" : "the tablet's driver gives no channel: there will be no pointer");
}

int main(void) {
    const uint32_t clients = bw_clients();
    if (clients == 0 || clients > WINDOWS_MOST) {
        bw_log("a display has 1 to 8 clients");
        return 1;
    }
    const bw_err error = clients_init(SLOT_RECEIVED, SLOT_CLIENTS, CLIENTS_ADDRESS, FIRST_CLIENT_BIT);
    /* Small things first: what is left between frames of 2 MiB is of no use afterwards. */
    open_input(&keyboard, bw_use_keyboard.cap, 0, KEYBOARD_BIT);
    open_input(&tablet, bw_use_tablet.cap, 1, TABLET_BIT);
    const char *wrong = error != 0 ? "the memory does not suffice" : !screen_init() ? "the font is none" : open_screen(clients);
    if (wrong != NULL) {
        bw_log(wrong);
        return 1;
    }
    screen_draw((struct bw_area){0, 0, (int32_t)screen.canvas.width, (int32_t)screen.canvas.height});
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
