/* kernel.c: see kernel.h. */
#include "kernel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct cap caps[SLOTS];
uint32_t fail_at;
_Alignas(2 << 20) uint8_t host_own[OWN_BYTES];
static uint64_t objects;

enum { FAILED = 1 };

static bool is_slot(uint64_t slot) { return slot > 0 && slot < SLOTS; }

bool kernel_descends(uint32_t slot, uint32_t ancestor) {
    for (uint32_t at = caps[slot].parent; at != 0; at = caps[at].parent) if (at == ancestor) return true;
    return false;
}

static bool has_child(uint32_t slot, bool copy) {
    for (uint32_t i = 1; i < SLOTS; i++) if (caps[i].kind != 0 && caps[i].parent == slot && (!copy || caps[i].object == caps[slot].object)) return true;
    return false;
}

/* Objects made of this one, whichever capability they were made with. */
static bool is_parent_object(const struct cap *of) {
    for (uint32_t i = 1; i < SLOTS; i++) {
        if (caps[i].kind != 0 && caps[i].object != of->object && caps[i].base >= of->base && caps[i].base < of->base + (1ULL << of->bits) && caps[i].bits <= of->bits && caps[i].object > of->object) return true;
    }
    return false;
}

static void set_watermark(uint64_t object, uint64_t watermark) {
    for (uint32_t i = 1; i < SLOTS; i++) if (caps[i].kind != 0 && caps[i].object == object) caps[i].watermark = watermark;
}

void kernel_begin(uint32_t bits) { caps[BW_SLOT_UNTYPED] = (struct cap){.kind = BW_KIND_UNTYPED, .bits = bits, .object = ++objects}; }

bw_err bw_untyped_retype(bw_cptr untyped, uint32_t kind, uint32_t bits, uint32_t count, bw_cptr cnode, uint64_t first) {
    if (fail_at != 0 && --fail_at == 0) return FAILED;
    if (kind == BW_KIND_PAGE_TABLE) bits = 12;
    if (cnode != BW_SLOT_CNODE || !is_slot(untyped) || caps[untyped].kind != BW_KIND_UNTYPED || first + count > SLOTS) return FAILED;
    for (uint32_t i = 0; i < count; i++) if (caps[first + i].kind != 0) return FAILED;
    const struct cap of = caps[untyped];
    /* RevokeFirst: what this one made would be out of the reach of the copy's revocation. */
    if (has_child((uint32_t)untyped, true)) return FAILED;
    const uint64_t size = 1ULL << bits, used = is_parent_object(&of) ? of.watermark : 0, start = (used + size - 1) / size * size;
    if (start + count * size > 1ULL << of.bits) return FAILED;
    for (uint32_t i = 0; i < count; i++) {
        caps[first + i] = (struct cap){.kind = kind, .bits = bits, .base = of.base + start + i * size, .object = ++objects, .parent = (uint32_t)untyped};
    }
    set_watermark(of.object, start + count * size);
    return 0;
}

bw_err kernel_copy(uint32_t from, uint32_t to) {
    if (caps[from].kind == 0 || caps[to].kind != 0 || has_child(from, false)) return FAILED;
    caps[to] = caps[from];
    caps[to].parent = from;
    return 0;
}

bw_err bw_cnode_delete(bw_cptr cnode, uint64_t slot) {
    if (cnode != BW_SLOT_CNODE || !is_slot(slot)) abort();
    for (uint32_t i = 1; i < SLOTS; i++) if (caps[i].kind != 0 && caps[i].parent == slot) caps[i].parent = caps[slot].parent;
    caps[slot] = (struct cap){0};
    return 0;
}

bw_err bw_cnode_revoke(bw_cptr cnode, uint64_t slot) {
    if (cnode != BW_SLOT_CNODE || !is_slot(slot)) abort();
    bool gone[SLOTS];
    for (uint32_t i = 1; i < SLOTS; i++) gone[i] = caps[i].kind != 0 && kernel_descends(i, (uint32_t)slot);
    for (uint32_t i = 1; i < SLOTS; i++) if (gone[i]) caps[i] = (struct cap){0};
    return 0;
}

bw_err bw_page_table_map(bw_cptr table, uint64_t address, bw_cptr vspace) { return caps[table].kind == BW_KIND_PAGE_TABLE && vspace == BW_SLOT_VSPACE && address != 0 ? 0 : FAILED; }
bw_err bw_frame_map(bw_cptr frame, uint64_t address, bw_cptr vspace, uint32_t rights) { return caps[frame].kind == BW_KIND_FRAME && vspace == BW_SLOT_VSPACE && address != 0 && rights != 0 ? 0 : FAILED; }
uint32_t bw_slots(void) { return BANK_SLOTS; }

void bw_logf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
}
