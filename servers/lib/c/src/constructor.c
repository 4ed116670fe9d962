/* constructor.c: requests to the constructor. */
#include <bailiwick.h>
#include <bailiwick/constructor-protocol.h>
#include <bailiwick/constructor.h>

/* Bytes of a file that go with one message. */
#define PIECE 936U

static uint32_t result_of(const struct bw_msg *m) { return bw_error(m) != 0 ? BW_CONSTRUCTOR_GONE : bw_label(m); }

/* A request whose words are in the buffer, with a byte string behind them; its answer brings a capability into `slot` (0: none). */
static struct bw_msg ask(bw_cptr cap, uint32_t label, uint32_t words, const void *bytes, size_t count, uint32_t caps, bw_cptr slot) {
    const struct bw_receive before = bw_receive_into(slot, slot != 0);
    memcpy(&bw_ipc()->words[words], bytes, count);
    const struct bw_msg m = bw_call_buffer(cap, label, words + (uint32_t)((count + 7) / 8), caps);
    bw_receive_as(before);
    return m;
}

static uint32_t write(bw_cptr builder, const uint8_t *bytes, size_t count) {
    for (size_t at = 0; at < count;) {
        const size_t piece = count - at < PIECE ? count - at : PIECE;
        uint64_t *words = bw_ipc()->words;
        words[0] = at, words[1] = piece;
        const struct bw_msg m = ask(builder, CONSTRUCTOR_WRITE, 2, &bytes[at], piece, 0, 0);
        if (result_of(&m) != 0) return result_of(&m);
        at += piece;
    }
    return 0;
}

uint32_t bw_constructor_create(bw_cptr constructor, const char *name, const void *elf, size_t bytes, struct bw_product_size size, bw_cptr slot) {
    const size_t count = strlen(name);
    if (count > 23) return CONSTRUCTOR_E_BAD_REQUEST;
    uint64_t *words = bw_ipc()->words;
    words[0] = bytes, words[1] = size.bits, words[2] = size.stack_pages, words[3] = count;
    const struct bw_msg m = ask(constructor, CONSTRUCTOR_CREATE, 4, name, count, 0, slot);
    return result_of(&m) != 0 ? result_of(&m) : write(slot, elf, bytes);
}

uint32_t bw_constructor_install(bw_cptr builder, const char *name, bw_cptr cap, bool *hole) {
    const size_t count = strlen(name);
    if (count > 23) return CONSTRUCTOR_E_BAD_REQUEST;
    bw_ipc()->words[0] = count;
    bw_ipc()->caps[0] = cap;
    const struct bw_msg m = ask(builder, CONSTRUCTOR_INSTALL, 1, name, count, 1, 0);
    if (result_of(&m) == 0 && hole != NULL) *hole = m.w[0] == 1;
    return result_of(&m);
}

uint32_t bw_constructor_seal(bw_cptr builder, bw_cptr slot, char *why, size_t room) {
    const struct bw_msg m = ask(builder, CONSTRUCTOR_SEAL, 0, "", 0, 0, slot);
    if (why != NULL && room > 0) {
        const bool said = result_of(&m) == CONSTRUCTOR_E_BAD_IMAGE && bw_length(&m) > 0;
        const size_t count = said ? (m.w[0] < room - 1 ? m.w[0] : room - 1) : 0;
        memcpy(why, &bw_ipc()->words[1], count);
        why[count] = 0;
    }
    return result_of(&m);
}

uint32_t bw_constructor_destroy(bw_cptr builder) {
    const struct bw_msg m = bw_call(builder, bw_info(CONSTRUCTOR_DESTROY, 0, 0), 0, 0, 0, 0);
    return result_of(&m);
}

uint32_t bw_constructor_verify(bw_cptr constructor, bw_cptr suspect, struct bw_requestor_check *check) {
    bw_ipc()->caps[0] = suspect;
    const struct bw_msg m = bw_call(constructor, bw_info(CONSTRUCTOR_VERIFY, 0, 1), 0, 0, 0, 0);
    const bool genuine = result_of(&m) == 0 && m.w[0] == 1;
    *check = (struct bw_requestor_check){.genuine = genuine, .discreet = genuine && m.w[1] == 1, .holes = genuine ? m.w[2] : 0};
    return result_of(&m);
}

uint32_t bw_constructor_hole(bw_cptr requestor, uint64_t place, struct bw_hole *hole) {
    uint64_t *words = bw_ipc()->words;
    words[0] = place;
    const struct bw_msg m = bw_call_buffer(requestor, CONSTRUCTOR_HOLE, 1, 0);
    if (result_of(&m) != 0) return result_of(&m);
    const size_t most = sizeof hole->path - 1, count = words[2] < most ? words[2] : most;
    hole->kind = (uint32_t)words[0], hole->rights = (uint32_t)words[1];
    memcpy(hole->path, &words[3], count);
    hole->path[count] = 0;
    return 0;
}

uint32_t bw_constructor_yield(bw_cptr requestor, const struct bw_yield *yield, bw_cptr slot, uint64_t *number) {
    uint64_t *words = bw_ipc()->words, *caps = bw_ipc()->caps;
    words[0] = yield->strict;
    caps[0] = yield->bank, caps[1] = yield->schedule, caps[2] = yield->keeper;
    const struct bw_msg m = ask(requestor, CONSTRUCTOR_YIELD, 1, "", 0, 3, slot);
    *number = m.w[0];
    return result_of(&m);
}
