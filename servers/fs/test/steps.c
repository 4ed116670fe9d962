/* steps.c: a step as the store takes it, and what steps there are to draw. */
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "model.h"

/* Bytes that tell by whom and where they were written. */
void fill(uint8_t *bytes, uint64_t count, uint64_t seed) {
    for (uint64_t i = 0; i < count; i++) bytes[i] = (uint8_t)((i + seed) * 0x9e3779b97f4a7c15ULL >> 56);
}

static enum store_error read_and_compare(const struct model *m, const struct step *s) {
    static uint8_t bytes[STORE_PIECE];
    size_t done;
    const enum store_error e = store_read(s->id, s->offset, bytes, s->count, &done);
    if (e != STORE_OK) return e;
    const struct model_node *n = &m->nodes[model_find(m, s->id)];
    const uint64_t there = s->offset >= n->size ? 0 : n->size - s->offset < s->count ? n->size - s->offset : s->count;
    EXPECT(done == there, "%lu bytes read, not %lu", done, there);
    EXPECT(there == 0 || memcmp(bytes, n->bytes + s->offset, there) == 0, "other bytes read than written");
    return e;
}

enum store_error store_step(const struct model *m, const struct step *s, uint64_t *created) {
    static uint8_t bytes[STORE_PIECE];
    struct store_status status;
    struct store_entry entry;
    size_t count;
    uint64_t offset;
    bool more;
    enum store_error e;
    store_limit(s->limited, s->limit);
    switch (s->operation) {
        case STAT:
            e = store_stat(s->id, &status);
            EXPECT(e != STORE_OK || (status.size == m->nodes[model_find(m, s->id)].size && status.kind == m->nodes[model_find(m, s->id)].kind), "another status");
            return e;
        case LOOKUP: return store_lookup(s->id, s->name, &status);
        case CREATE: return store_create(s->id, s->name, s->kind, created);
        case REMOVE: return store_remove(s->id, s->name);
        case RENAME: return store_rename(s->id, s->name, s->other, s->new_name, s->replace);
        case LIST: return store_list(s->id, (struct store_name){"", 0}, &entry, 1, &count);
        case READ: return read_and_compare(m, s);
        case WRITE:
        case APPEND:
            fill(bytes, s->count <= sizeof bytes ? s->count : 0, s->other);
            if (s->operation == WRITE) return store_write(s->id, s->offset, bytes, s->count);
            e = store_append(s->id, bytes, s->count, &offset);
            EXPECT(e != STORE_OK || offset == m->nodes[model_find(m, s->id)].size, "appended elsewhere than at the end");
            return e;
        case TRUNCATE: return store_truncate(s->id, s->count);
        case SET_QUOTA: return store_set_quota(s->id, s->count);
        case SYNC: return store_sync();
        default: return store_idle(&more);
    }
}

/* Drawing. */

static struct store_name draw_name(void) {
    static char longest[256];
    static const char *const names[] = {"a", "b", "c", "d", "\x01\xff odd", "ab", "...", ".x", "A name of some length.txt"};
    memset(longest, 'n', sizeof longest);
    if (one_in(60)) {
        static const char *const bad[] = {"", ".", "..", "a/b", "/"};
        const char *name = bad[random_below(5)];
        return one_in(4) ? (struct store_name){longest, 256} : one_in(4) ? (struct store_name){"a\0b", 3} : (struct store_name){name, strlen(name)};
    }
    if (one_in(12)) return (struct store_name){longest, 255};
    const char *name = names[random_below(sizeof names / sizeof *names)];
    return (struct store_name){name, strlen(name)};
}

static uint64_t draw_id(const struct model *m, enum store_kind kind) {
    if (one_in(50)) return random_below(2) ? random_below(200) : random_number();
    for (int tries = 0; tries < 200; tries++) {
        const struct model_node *n = &m->nodes[random_below(MODEL_NODES)];
        if (n->used && (n->kind == kind || one_in(40))) return n->id;
    }
    return STORE_ROOT;
}

static uint64_t draw_size(uint64_t most) {
    static const uint64_t edges[] = {0, 1, 4095, 4096, 4097, 8192, 65535, 65536};
    const uint64_t size = one_in(4) ? edges[random_below(8)] : one_in(3) ? random_below(70000) : random_below(6000);
    return size < most ? size : most;
}

struct step draw_step(const struct model *m) {
    static const enum operation usual[] = {STAT, LOOKUP, CREATE, CREATE, CREATE, CREATE, REMOVE, REMOVE, RENAME, RENAME, LIST, READ, READ, WRITE, WRITE, WRITE, APPEND, APPEND, TRUNCATE, TRUNCATE, SET_QUOTA, SYNC, SYNC, IDLE};
    struct step s = {.operation = usual[random_below(sizeof usual / sizeof *usual)]};
    uint32_t used = 0;
    for (int i = 0; i < MODEL_NODES; i++) used += m->nodes[i].used;
    if (s.operation == CREATE && used >= MODEL_NODES - 1) s.operation = REMOVE;
    const bool of_file = s.operation == READ || s.operation == WRITE || s.operation == APPEND || s.operation == TRUNCATE || (s.operation == STAT && one_in(2));
    s.id = draw_id(m, of_file ? STORE_FILE : STORE_DIRECTORY);
    s.name = draw_name();
    s.new_name = draw_name();
    s.other = draw_id(m, STORE_DIRECTORY);
    s.kind = one_in(3) ? STORE_DIRECTORY : STORE_FILE;
    s.replace = one_in(2) ? STORE_REPLACE : STORE_KEEP;
    const int node = model_find(m, s.id);
    const uint64_t size = node < 0 ? 0 : m->nodes[node].size;
    if (s.operation == WRITE || s.operation == READ) {
        s.count = draw_size(STORE_PIECE);
        s.offset = one_in(3) ? size : one_in(2) ? random_below(size + 1) : random_below(MODEL_BYTES - STORE_PIECE);
        if (one_in(50)) s.offset = STORE_MOST_SIZE - random_below(2);
        else if (s.offset + s.count > MODEL_BYTES) s.offset = 0;
        if (s.operation == READ && s.offset > STORE_MOST_SIZE) s.offset = 0;
    }
    if (s.operation == WRITE && s.offset >= STORE_MOST_SIZE - 1) s.count = 3;
    if (s.operation == APPEND) s.count = size + draw_size(STORE_PIECE) > MODEL_BYTES ? 0 : draw_size(MODEL_BYTES - size < STORE_PIECE ? MODEL_BYTES - size : STORE_PIECE);
    if (s.operation == TRUNCATE) s.count = one_in(60) ? STORE_MOST_SIZE + 1 : one_in(3) ? 0 : one_in(2) ? random_below(MODEL_BYTES) : draw_size(size);
    if (s.operation == SET_QUOTA) s.count = one_in(2) ? 0 : random_below(400000);
    if (s.operation == WRITE || s.operation == APPEND) s.other = random_number();
    if (one_in(4)) s.limited = draw_id(m, STORE_DIRECTORY), s.limit = random_below(400000);
    return s;
}
