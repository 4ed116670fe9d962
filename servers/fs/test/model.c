/* model.c: see model.h. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "disk.h"

void model_init(struct model *model) {
    memset(model, 0, sizeof *model);
    model->nodes[0] = (struct model_node){.used = true, .kind = STORE_DIRECTORY, .id = STORE_ROOT};
}

struct model *model_copy(const struct model *model) {
    struct model *copy = malloc(sizeof *copy);
    *copy = *model;
    for (int i = 0; i < MODEL_NODES; i++) {
        struct model_node *n = &copy->nodes[i];
        if (!n->used || n->size == 0) {
            n->bytes = NULL;
            continue;
        }
        n->bytes = malloc(n->size);
        memcpy(n->bytes, model->nodes[i].bytes, n->size);
    }
    return copy;
}

void model_free(struct model *model) {
    for (int i = 0; i < MODEL_NODES; i++) if (model->nodes[i].used) free(model->nodes[i].bytes);
    free(model);
}

int model_find(const struct model *m, uint64_t id) {
    for (int i = 0; i < MODEL_NODES; i++) if (m->nodes[i].used && m->nodes[i].id == id) return i;
    return -1;
}

static int child(const struct model *m, int parent, struct store_name name) {
    for (int i = 1; i < MODEL_NODES; i++) {
        const struct model_node *n = &m->nodes[i];
        if (n->used && n->parent == parent && n->length == name.length && memcmp(n->name, name.bytes, name.length) == 0) return i;
    }
    return -1;
}

static bool is_under(const struct model *m, int node, int directory) {
    for (;; node = m->nodes[node].parent) {
        if (node == directory) return true;
        if (node == 0) return false;
    }
}

static uint32_t depth(const struct model *m, int node) { return node == 0 ? 1 : 1 + depth(m, m->nodes[node].parent); }

static uint32_t height(const struct model *m, int node) {
    uint32_t highest = 0;
    for (int i = 1; i < MODEL_NODES; i++) {
        if (m->nodes[i].used && m->nodes[i].parent == node && m->nodes[i].kind == STORE_DIRECTORY && height(m, i) > highest) highest = height(m, i);
    }
    return 1 + highest;
}

static uint64_t file_usage(uint64_t size) { return STORE_NODE_BYTES + (size + STORE_CHUNK - 1) / STORE_CHUNK * STORE_CHUNK; }

uint64_t model_usage(const struct model *m, int directory) {
    uint64_t sum = 0;
    for (int i = 0; i < MODEL_NODES; i++) if (m->nodes[i].used && is_under(m, i, directory)) sum += file_usage(m->nodes[i].size);
    return sum;
}

static bool name_is_good(struct store_name name) {
    const char *bytes = name.bytes;
    if (name.length == 0 || name.length > 255 || memchr(bytes, '/', name.length) != NULL || memchr(bytes, 0, name.length) != NULL) return false;
    return !(name.length == 1 && bytes[0] == '.') && !(name.length == 2 && bytes[0] == '.' && bytes[1] == '.');
}

/* May the directories from `from` up to the root grow, but those that also hold `beside`? */
static bool quotas_allow(const struct model *m, int from, int beside, uint64_t more) {
    for (int i = from;; i = m->nodes[i].parent) {
        const bool shared = beside >= 0 && is_under(m, beside, i);
        const uint64_t then = shared || more == 0 ? 0 : model_usage(m, i) + more;
        if (m->nodes[i].quota != 0 && then > m->nodes[i].quota) return false;
        if (m->limit != 0 && m->nodes[i].id == m->limited && then > m->limit) return false;
        if (i == 0) return true;
    }
}

static enum store_error directory_of(const struct model *m, uint64_t id, int *node) {
    *node = model_find(m, id);
    if (*node < 0) return STORE_NOT_FOUND;
    return m->nodes[*node].kind == STORE_DIRECTORY ? STORE_OK : STORE_NOT_DIRECTORY;
}

static enum store_error child_of(const struct model *m, uint64_t parent, struct store_name name, int *directory, int *node) {
    const enum store_error e = directory_of(m, parent, directory);
    if (e != STORE_OK) return e;
    if (!name_is_good(name)) return STORE_BAD_NAME;
    *node = child(m, *directory, name);
    return *node < 0 ? STORE_NOT_FOUND : STORE_OK;
}

static void set_name(struct model_node *n, int parent, struct store_name name) {
    n->parent = parent;
    n->length = (uint8_t)name.length;
    memcpy(n->name, name.bytes, name.length);
}

static enum store_error do_create(struct model *m, const struct step *s, uint64_t id) {
    int parent = 0, old = -1, place = 1;
    const enum store_error e = child_of(m, s->id, s->name, &parent, &old);
    if (e == STORE_OK) return STORE_EXISTS;
    if (e != STORE_NOT_FOUND || model_find(m, s->id) < 0) return e;
    if (s->kind == STORE_DIRECTORY && depth(m, parent) == STORE_DEPTH) return STORE_BAD_REQUEST;
    if (!quotas_allow(m, parent, -1, STORE_NODE_BYTES)) return STORE_QUOTA;
    while (m->nodes[place].used) EXPECT(++place < MODEL_NODES, "the model is full");
    m->nodes[place] = (struct model_node){.used = true, .kind = s->kind, .id = id};
    set_name(&m->nodes[place], parent, s->name);
    return STORE_OK;
}

static void drop(struct model_node *n) {
    free(n->bytes);
    *n = (struct model_node){.used = false};
}

static enum store_error do_remove(struct model *m, const struct step *s) {
    int parent, node = -1;
    const enum store_error e = child_of(m, s->id, s->name, &parent, &node);
    if (e != STORE_OK) return e;
    for (int i = 1; i < MODEL_NODES; i++) if (m->nodes[i].used && m->nodes[i].parent == node) return STORE_NOT_EMPTY;
    drop(&m->nodes[node]);
    return STORE_OK;
}

static enum store_error do_rename(struct model *m, const struct step *s) {
    int from, to, node = -1, old = -1;
    enum store_error e = child_of(m, s->id, s->name, &from, &node);
    if (e == STORE_OK) e = directory_of(m, s->other, &to);
    if (e != STORE_OK) return e;
    const enum store_error found = child_of(m, s->other, s->new_name, &to, &old);
    if (found == STORE_OK && old == node) return STORE_OK;
    const bool directory = m->nodes[node].kind == STORE_DIRECTORY;
    if (is_under(m, to, node)) return STORE_BAD_REQUEST;
    if (found == STORE_BAD_NAME) return found;
    if (found == STORE_OK) {
        const bool onto = m->nodes[old].kind == STORE_DIRECTORY;
        if (s->replace != STORE_REPLACE || (directory && onto)) return STORE_EXISTS;
        if (directory != onto) return onto ? STORE_IS_DIRECTORY : STORE_NOT_DIRECTORY;
    }
    if (directory && depth(m, to) + height(m, node) > STORE_DEPTH) return STORE_BAD_REQUEST;
    const uint64_t adds = model_usage(m, node), frees = found == STORE_OK ? model_usage(m, old) : 0;
    if (!quotas_allow(m, to, from, adds > frees ? adds - frees : 0)) return STORE_QUOTA;
    if (found == STORE_OK) drop(&m->nodes[old]);
    set_name(&m->nodes[node], to, s->new_name);
    return STORE_OK;
}

static enum store_error file_of(const struct model *m, uint64_t id, int *node) {
    *node = model_find(m, id);
    return *node < 0 ? STORE_NOT_FOUND : m->nodes[*node].kind == STORE_DIRECTORY ? STORE_IS_DIRECTORY : STORE_OK;
}

static enum store_error resize(struct model *m, int node, uint64_t size) {
    struct model_node *n = &m->nodes[node];
    if (size > STORE_MOST_SIZE) return STORE_BAD_REQUEST;
    const uint64_t old = file_usage(n->size), new = file_usage(size);
    if (new > old && !quotas_allow(m, n->parent, -1, new - old)) return STORE_QUOTA;
    EXPECT(size <= MODEL_BYTES, "a step makes a file too large for the model");
    n->bytes = realloc(n->bytes, size == 0 ? 1 : size);
    if (size > n->size) memset(n->bytes + n->size, 0, size - n->size);
    n->size = size;
    return STORE_OK;
}

static enum store_error do_write(struct model *m, const struct step *s) {
    int node;
    enum store_error e = file_of(m, s->id, &node);
    if (e != STORE_OK) return e;
    const uint64_t offset = s->operation == APPEND ? m->nodes[node].size : s->offset;
    if (s->count > STORE_PIECE || offset > STORE_MOST_SIZE || s->count > STORE_MOST_SIZE - offset) return STORE_BAD_REQUEST;
    if (s->count == 0) return STORE_OK;
    if (offset + s->count > m->nodes[node].size) e = resize(m, node, offset + s->count);
    if (e == STORE_OK) fill(m->nodes[node].bytes + offset, s->count, s->other);
    return e;
}

enum store_error model_step(struct model *m, const struct step *s, uint64_t created) {
    int node, parent;
    enum store_error e;
    m->limited = s->limited, m->limit = s->limit;
    switch (s->operation) {
        case CREATE: return do_create(m, s, created);
        case REMOVE: return do_remove(m, s);
        case RENAME: return do_rename(m, s);
        case WRITE:
        case APPEND: return do_write(m, s);
        case TRUNCATE:
            e = file_of(m, s->id, &node);
            return e != STORE_OK || s->count == m->nodes[node].size ? e : resize(m, node, s->count);
        case SET_QUOTA:
            e = directory_of(m, s->id, &node);
            if (e == STORE_OK) m->nodes[node].quota = s->count;
            return e;
        case STAT: return model_find(m, s->id) < 0 ? STORE_NOT_FOUND : STORE_OK;
        case LOOKUP: return child_of(m, s->id, s->name, &parent, &node);
        case LIST: return directory_of(m, s->id, &node);
        case READ: return file_of(m, s->id, &node);
        default: return STORE_OK;
    }
}
