/* draw.c: rectangles; see draw.h. Edges are worked out in 64 bits, where sums of 32 cannot overflow. */
#include <bailiwick/draw.h>
#include <bailiwick/string.h>

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

struct bw_area bw_area_common(struct bw_area a, struct bw_area b) {
    const int64_t left = most(a.x, b.x), top = most(a.y, b.y);
    const int64_t right = least((int64_t)a.x + a.width, (int64_t)b.x + b.width), bottom = least((int64_t)a.y + a.height, (int64_t)b.y + b.height);
    if (right <= left || bottom <= top) return (struct bw_area){0, 0, 0, 0};
    return (struct bw_area){(int32_t)left, (int32_t)top, (int32_t)(right - left), (int32_t)(bottom - top)};
}

static struct bw_area whole(const struct bw_canvas *canvas) {
    return (struct bw_area){0, 0, (int32_t)least(canvas->width, INT32_MAX), (int32_t)least(canvas->height, INT32_MAX)};
}

struct bw_canvas bw_canvas_part(const struct bw_canvas *canvas, struct bw_area area) {
    const struct bw_area part = bw_area_common(area, whole(canvas));
    return (struct bw_canvas){canvas->pixels + (size_t)part.y * canvas->stride + (size_t)part.x, (uint32_t)part.width, (uint32_t)part.height, canvas->stride};
}

void bw_fill(const struct bw_canvas *canvas, struct bw_area area, uint32_t colour) {
    const struct bw_canvas part = bw_canvas_part(canvas, area);
    for (uint32_t y = 0; y < part.height; y++) {
        uint32_t *row = part.pixels + (size_t)y * part.stride;
        for (uint32_t x = 0; x < part.width; x++) row[x] = colour;
    }
}

void bw_outline(const struct bw_canvas *canvas, struct bw_area area, int32_t thickness, uint32_t colour) {
    if (thickness <= 0 || area.width <= 0 || area.height <= 0) return;
    const int32_t across = (int32_t)least(thickness, area.width), down = (int32_t)least(thickness, area.height);
    const int64_t right = (int64_t)area.x + area.width - across, bottom = (int64_t)area.y + area.height - down;
    bw_fill(canvas, (struct bw_area){area.x, area.y, area.width, down}, colour);
    bw_fill(canvas, (struct bw_area){area.x, area.y, across, area.height}, colour);
    /* An edge beyond what a number can say is beyond any canvas, too. */
    if (bottom <= INT32_MAX) bw_fill(canvas, (struct bw_area){area.x, (int32_t)bottom, area.width, down}, colour);
    if (right <= INT32_MAX) bw_fill(canvas, (struct bw_area){(int32_t)right, area.y, across, area.height}, colour);
}

void bw_copy(const struct bw_canvas *canvas, int32_t x, int32_t y, const struct bw_canvas *from) {
    const struct bw_area size = whole(from);
    const struct bw_area part = bw_area_common((struct bw_area){x, y, size.width, size.height}, whole(canvas));
    for (int32_t row = 0; row < part.height; row++) {
        uint32_t *to = canvas->pixels + (size_t)(part.y + row) * canvas->stride + (size_t)part.x;
        const uint32_t *source = from->pixels + (size_t)((int64_t)part.y + row - y) * from->stride + (size_t)((int64_t)part.x - x);
        memcpy(to, source, (size_t)part.width * sizeof *to);
    }
}
