/* input.c: see input.h. */
#include <bailiwick.h>

#include "clients.h"
#include "input.h"
#include "screen.h"

enum { KEY_NEXT = 88, KEYS = 768, TABLET_MOST = 32767, BUTTONS = 8, SERVER = WINDOWS_MOST };

/* Keys that are down; and those whose going down the window with the focus was told: of no other key it hears more, so what was typed elsewhere is not told by its going up. */
static bool pressed[KEYS], held[KEYS];
/* Those that change what others write, as Shift does: a window that gets the focus is told which of them are down. Control, Shift, Alt and Meta, left and right. */
static const uint16_t modifiers[] = {29, 97, 42, 54, 56, 100, 125, 126};
/* Who was told something of the keyboard's moment, of the tablet's: hears its end. */
static uint32_t key_told, point_told;

/* In pixels of the screen. */
static int32_t x, y;
/* The pointer has moved: since the window was told, since it was drawn. */
static bool to_tell, to_draw;
/* Buttons that are down, and whose they are: a client's number, SERVER, NOBODY. */
static uint32_t down, grab = NOBODY;
/* The window that is dragged by its title, and where the pointer holds it. */
static uint32_t dragged = NOBODY;
static int32_t hold_x, hold_y;

static void tell(uint32_t *told, uint32_t number, uint16_t type, uint16_t code, int32_t value) {
    *told |= 1U << number;
    client_tell(number, type, code, value);
}

/* A moment has ended. */
static void report(uint32_t *told) {
    for (uint32_t i = 0; i < WINDOWS_MOST; i++) if ((*told >> i & 1) != 0) client_tell(i, BW_EVENT_SYN, BW_EVENT_REPORT, 0);
    *told = 0;
}

static void tell_focus(uint32_t number, bool has) {
    client_tell(number, BW_EVENT_FOCUS, 0, has);
    for (size_t i = 0; has && i < sizeof modifiers / sizeof *modifiers; i++) {
        held[modifiers[i]] = pressed[modifiers[i]];
        if (held[modifiers[i]]) client_tell(number, BW_EVENT_KEY, modifiers[i], 1);
    }
    client_tell(number, BW_EVENT_SYN, BW_EVENT_REPORT, 0);
}

/* D3. Who loses it hears nothing of what is released later: what was held is to be forgotten. */
static void focus(uint32_t number) {
    const uint32_t before = windows_focused(&screen.windows);
    if (number == before) return;
    for (uint32_t i = 0; i < KEYS; i++) held[i] = false;
    if (grab != NOBODY) grab = SERVER;
    dragged = NOBODY;
    windows_raise(&screen.windows, number);
    tell_focus(before, false);
    tell_focus(number, true);
    screen_draw_bar();
    screen_draw(screen.windows.all[before].frame);
    screen_draw(screen.windows.all[number].frame);
}

static void focus_next(void) { focus((windows_focused(&screen.windows) + 1) % screen.windows.count); }

void input_key(const struct bw_input_event *e) {
    const uint32_t focused = windows_focused(&screen.windows);
    if (e->type == BW_EVENT_SYN) {
        if (e->code == BW_EVENT_DROPPED) {
            for (uint32_t i = 0; i < KEYS; i++) pressed[i] = false;
            client_lost(focused);
        }
        report(&key_told);
    } else if (e->type == BW_EVENT_KEY && e->code == KEY_NEXT) {
        if (e->value == 1) focus_next();
    } else if (e->type == BW_EVENT_KEY && e->code < KEYS) {
        pressed[e->code] = e->value != 0;
        if (e->value == 1) held[e->code] = true;
        if (held[e->code]) tell(&key_told, focused, e->type, e->code, e->value);
        if (e->value == 0) held[e->code] = false;
    }
}

/* Who hears of the pointer where it is; NOBODY: it is nobody's business. */
static uint32_t pointed(void) {
    if (grab != NOBODY) return grab == SERVER ? NOBODY : grab;
    const uint32_t focused = windows_focused(&screen.windows);
    return windows_at(&screen.windows, x, y) == focused && area_has(screen.windows.all[focused].content, x, y) ? focused : NOBODY;
}

static int32_t within(int32_t value, int32_t most) { return value < 0 ? 0 : value > most ? most : value; }

/* A position is one of the window's pixels, also while the pointer is dragged out of it. */
static void tell_position(uint32_t number) {
    const struct bw_area content = screen.windows.all[number].content;
    to_tell = false;
    tell(&point_told, number, BW_EVENT_ABSOLUTE, BW_AXIS_X, within(x - content.x, content.width - 1));
    tell(&point_told, number, BW_EVENT_ABSOLUTE, BW_AXIS_Y, within(y - content.y, content.height - 1));
}

static void tell_motion(void) {
    const uint32_t whom = pointed();
    if (to_tell && whom != NOBODY) tell_position(whom);
    to_tell = false;
}

/* The first button that goes down says whose all of them are. */
static void begin_grab(uint16_t code) {
    const uint32_t number = windows_at(&screen.windows, x, y);
    grab = SERVER;
    if (y < BAR && code == BW_BUTTON_LEFT) focus_next();
    if (y < BAR || number == NOBODY) return;
    focus(number);
    const struct window *its = &screen.windows.all[number];
    if (area_has(its->content, x, y)) {
        grab = number;
    } else if (code == BW_BUTTON_LEFT) {
        dragged = number;
        hold_x = x - its->frame.x, hold_y = y - its->frame.y;
    }
}

static void button(uint16_t code, bool goes_down) {
    const uint32_t bit = 1U << (code - BW_BUTTON_LEFT);
    if (goes_down == ((down & bit) != 0)) return;
    tell_motion();
    if (goes_down && down == 0) begin_grab(code);
    down ^= bit;
    if (grab != SERVER) {
        if (goes_down) tell_position(grab);
        tell(&point_told, grab, BW_EVENT_KEY, code, goes_down);
    }
    if (down == 0) input_settle(), grab = dragged = NOBODY;
}

static void move(uint16_t axis, int32_t value) {
    const int32_t side = (int32_t)(axis == BW_AXIS_X ? screen.canvas.width : screen.canvas.height);
    const int64_t at = within(value, TABLET_MOST);
    *(axis == BW_AXIS_X ? &x : &y) = (int32_t)((at * (side - 1) + TABLET_MOST / 2) / TABLET_MOST);
    to_tell = to_draw = true;
}

void input_point(const struct bw_input_event *e) {
    if (e->type == BW_EVENT_ABSOLUTE && e->code <= BW_AXIS_Y) {
        move(e->code, e->value);
    } else if (e->type == BW_EVENT_KEY && e->code >= BW_BUTTON_LEFT && e->code < BW_BUTTON_LEFT + BUTTONS) {
        button(e->code, e->value != 0);
    } else if (e->type == BW_EVENT_RELATIVE && e->code == BW_WHEEL && pointed() != NOBODY) {
        tell(&point_told, pointed(), e->type, e->code, e->value);
    } else if (e->type == BW_EVENT_SYN) {
        if (e->code == BW_EVENT_DROPPED) {
            down = 0, grab = dragged = NOBODY;
            client_lost(windows_focused(&screen.windows));
        }
        tell_motion();
        report(&point_told);
    }
}

void input_settle(void) {
    if (!to_draw) return;
    to_draw = false;
    if (dragged != NOBODY) {
        const struct bw_area before = screen.windows.all[dragged].frame;
        if (windows_move(&screen.windows, dragged, x - hold_x, y - hold_y)) {
            screen_draw(before);
            screen_draw(screen.windows.all[dragged].frame);
        }
    }
    screen_point(x, y);
}
