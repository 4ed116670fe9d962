/*
 * front.c: the front end of the safe, a window that nobody needs to trust: it shows which entries there are and asks for one to be filled in. What it cannot do is see a password, and nothing in it
 * keeps it from trying: it has a window, and a shelf to ask at. A click on an entry, or Enter, asks; Escape ends it.
 */
#include <bailiwick.h>
#include <bailiwick/display.h>
#include <bailiwick/input.h>
#include <bailiwick/terminus16.h>

#include "protocol.h"

BW_USE(display);
BW_USE(safe);

enum { NAME = 63, ROWS = 8, PAD = 16, TOP = 48, ROW = 26, USER = 120 };
enum { GROUND = 0xf4f1e8, INK = 0x26303c, FAINT = 0x7a7466, CHOSEN = 0x2c5d8f, CHOSEN_INK = 0xffffff };

static struct bw_window window;
static struct bw_font font;
static struct row {
    char site[NAME + 1], user[NAME + 1];
} rows[ROWS];
static uint32_t count, chosen;
static const char *said = "Passwords are typed at the safe: on the terminal.";

static struct bw_msg ask(uint32_t label, const char *site) {
    const size_t length = strlen(site);
    bw_ipc()->words[0] = length;
    memcpy(&bw_ipc()->words[1], site, length);
    return bw_call_buffer(bw_use_safe.cap, label, (uint32_t)(1 + (length + 7) / 8), 0);
}

static void list(void) {
    for (count = 0; count < ROWS; count++) {
        const struct bw_msg m = ask(SHELF_NEXT, count == 0 ? "" : rows[count - 1].site);
        const uint64_t site_count = m.w[0], both = m.w[1];
        if (bw_error(&m) != 0 || bw_label(&m) != 0 || site_count > NAME || both < site_count || both - site_count > NAME) break;
        const uint8_t *bytes = (const uint8_t *)&bw_ipc()->words[2];
        rows[count] = (struct row){0};
        memcpy(rows[count].site, bytes, site_count);
        memcpy(rows[count].user, bytes + site_count, both - site_count);
    }
    if (chosen >= count) chosen = 0;
}

static void write_at(int32_t x, int32_t y, const char *text, uint32_t colour) { (void)bw_text(&window.canvas, &font, x, y, text, strlen(text), colour, BW_CLEAR); }

static void draw(void) {
    const struct bw_canvas *c = &window.canvas;
    bw_fill(c, (struct bw_area){0, 0, (int32_t)c->width, (int32_t)c->height}, GROUND);
    write_at(PAD, PAD, count == 0 ? "The safe is empty." : "Log in at:", FAINT);
    for (uint32_t i = 0; i < count; i++) {
        const int32_t y = TOP + (int32_t)i * ROW;
        if (i == chosen) bw_fill(c, (struct bw_area){PAD / 2, y - 4, (int32_t)c->width - PAD, ROW}, CHOSEN);
        write_at(PAD, y, rows[i].site, i == chosen ? CHOSEN_INK : INK);
        write_at(USER, y, rows[i].user, i == chosen ? CHOSEN_INK : INK);
    }
    write_at(PAD, (int32_t)c->height - PAD - (int32_t)font.height, said, FAINT);
    (void)bw_window_flush_all(&window);
}

static const char *outcome(const struct bw_msg *m) {
    if (bw_error(m) != 0) return "The safe is gone.";
    switch (bw_label(m)) {
    case 0: return "The site has it: its view says more.";
    case SHELF_E_NOT_FOUND: return "There is no such entry.";
    case SHELF_E_DENIED: return "You said no.";
    case SHELF_E_SITE_AWAY: return "The site does not listen.";
    default: return "It could not be done.";
    }
}

static void fill(void) {
    struct bw_window_event e;
    if (chosen >= count) return;
    said = "Asks: the answer is given at the safe.";
    draw();
    const struct bw_msg m = ask(SHELF_FILL, rows[chosen].site);
    said = outcome(&m);
    /* What was done to the window meanwhile asks for nothing. */
    while (bw_window_try_next(&window, &e)) continue;
    list();
}

static void click(void) {
    const int32_t row = window.y < TOP - 4 ? -1 : (window.y - TOP + 4) / ROW;
    list();
    if (row < 0 || (uint32_t)row >= count) return;
    chosen = (uint32_t)row;
    fill();
}

static void key(uint32_t code) {
    if (code == BW_KEY_ENTER) return fill();
    list();
    if (code == BW_KEY_UP && chosen > 0) chosen--;
    if (code == BW_KEY_DOWN && chosen + 1 < count) chosen++;
}

int main(void) {
    const struct bw_window_wish wish = {.display = bw_use_display.cap, .slots = 128, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    if (!bw_font_open(&font, bw_terminus16, sizeof bw_terminus16) || bw_window_open(&window, &wish) != 0) return 1;
    list();
    draw();
    for (struct bw_window_event e; bw_window_next(&window, &e);) {
        if (e.kind == BW_WINDOW_MOVE || ((e.kind == BW_WINDOW_KEY || e.kind == BW_WINDOW_BUTTON) && e.value == 0)) continue;
        if (e.kind == BW_WINDOW_KEY && e.code == BW_KEY_ESCAPE) return 0;
        if (e.kind == BW_WINDOW_BUTTON) click();
        else if (e.kind == BW_WINDOW_KEY) key(e.code);
        else list();
        draw();
    }
    return 1;
}
