/* holes.c: what could carry information out of a product, and through which capabilities it is reached. */
#include "constructors.h"

/* `text` at *length of the path, as far as there is room. */
static void append(char *path, size_t room, size_t *length, const char *text) {
    for (; *text != 0 && *length < room; text++) path[(*length)++] = *text;
}

static void append_hex(char *path, size_t room, size_t *length, uint64_t value) {
    char digits[17] = "", *at = &digits[16];
    do *--at = "0123456789abcdef"[value % 16];
    while ((value /= 16) != 0);
    append(path, room, length, at);
}

bool find_hole(const struct constructor *c, uint64_t place, struct hole *hole, char *path, size_t room) {
    *hole = (struct hole){0};
    /* Each turn goes into an older constructor (C1), so there are at most CONSTRUCTORS. */
    for (;;) {
        const struct constructor *inner = NULL;
        for (uint32_t i = 0; i < c->constituents_used && inner == NULL; i++) {
            const struct constituent *k = &c->constituents[i];
            if (place >= k->holes) {
                place -= k->holes;
                continue;
            }
            append(path, room, &hole->length, k->name);
            if (k->requestor == 0) {
                hole->kind = k->kind, hole->rights = k->rights;
                return true;
            }
            append(path, room, &hole->length, "/");
            inner = constructor_at(k->requestor - 1);
            /* It has ended: what it was is not known any more. */
            if (inner->state != SEALED || inner->life != k->life) return true;
        }
        if (inner == NULL) break;
        c = inner;
    }
    if (c->image.clock == 0 || place > 0) return false;
    append(path, room, &hole->length, "instruction at 0x");
    append_hex(path, room, &hole->length, c->image.clock);
    return true;
}
