/* tree.c: nodes and their names. */
#include "state.h"

#include <string.h>

static bool good_name(struct store_name name) {
    const uint8_t *bytes = name.bytes;
    if (bytes == NULL || name.length == 0 || name.length > STORE_NAME || memcmp(bytes, "..", name.length < 2 ? name.length : 2) == 0) {
        if (bytes == NULL || name.length <= 2 || name.length > STORE_NAME) return false;
    }
    for (size_t i = 0; i < name.length; i++) if (bytes[i] == '/' || bytes[i] == '\0') return false;
    return true;
}

/* The columns of NODE. */
static void take_node(struct answer *answer, struct node *node) {
    const uint64_t kind = answer_number(answer, 2, STORE_DIRECTORY);
    *node = (struct node){
        .id = answer_number(answer, 0, MOST_ID),
        .parent = answer_number(answer, 1, MOST_ID),
        .kind = kind == STORE_DIRECTORY ? STORE_DIRECTORY : STORE_FILE,
        .size = answer_number(answer, 3, STORE_MOST_SIZE),
        .data = answer_number(answer, 4, MOST_ID),
        .usage = answer_number(answer, 5, MOST_USAGE),
        .quota = answer_number(answer, 6, MOST_USAGE),
        .height = (uint32_t)answer_number(answer, 7, STORE_DEPTH),
    };
    const bool is_file = kind == STORE_FILE && node->height == 0 && node->usage == usage_of_file(node->size);
    const bool is_directory = kind == STORE_DIRECTORY && node->height > 0 && node->size == 0;
    if (node->id == 0 || node->data == 0 || (!is_file && !is_directory)) answer->bad = true;
}

static enum store_error take_only(struct answer *answer, struct node *node) {
    take_node(answer, node);
    return answer_end(answer);
}

enum store_error load_node(uint64_t id, struct node *node) {
    struct answer answer;
    if (id == 0 || id >= MOST_ID) return STORE_NOT_FOUND;
    const enum store_error e = ask(&answer, QUERY_NODE, (const struct value[]){NUMBER(id)}, 1);
    return e == STORE_OK ? take_only(&answer, node) : e;
}

enum store_error load_directory(uint64_t id, struct node *node) {
    const enum store_error e = load_node(id, node);
    return e == STORE_OK && node->kind != STORE_DIRECTORY ? STORE_NOT_DIRECTORY : e;
}

enum store_error load_child(uint64_t parent, struct store_name name, struct node *node) {
    struct answer answer;
    if (!good_name(name)) return STORE_BAD_NAME;
    const enum store_error e = ask(&answer, QUERY_CHILD, (const struct value[]){NUMBER(parent), BYTES(name.bytes, name.length)}, 2);
    return e == STORE_OK ? take_only(&answer, node) : e;
}

enum store_error load_chain(uint64_t directory, struct chain *chain) {
    chain->count = 0;
    for (uint64_t id = directory; id != 0; id = chain->nodes[chain->count++].parent) {
        if (chain->count == STORE_DEPTH) return STORE_CORRUPT;
        const enum store_error e = load_directory(id, &chain->nodes[chain->count]);
        /* Only the first can be the caller's mistake. */
        if (e != STORE_OK) return chain->count > 0 && e <= STORE_READ_ONLY ? STORE_CORRUPT : e;
    }
    return chain->count > 0 ? (chain->nodes[chain->count - 1].id == STORE_ROOT ? STORE_OK : STORE_CORRUPT) : STORE_NOT_FOUND;
}

/* Heights, when a directory of height `height` was put under the chain's first, or something was taken from there. */

static enum store_error set_height(struct node *node, uint32_t height) {
    node->height = height;
    return change(QUERY_SET_HEIGHT, (const struct value[]){NUMBER(node->id), NUMBER(height)}, 2);
}

static enum store_error raise(struct chain *chain, uint32_t height) {
    enum store_error e = STORE_OK;
    for (uint32_t i = 0; i < chain->count && chain->nodes[i].height < height + 1 + i && e == STORE_OK; i++) e = set_height(&chain->nodes[i], height + 1 + i);
    return e;
}

static enum store_error lower(struct chain *chain) {
    for (uint32_t i = 0; i < chain->count; i++) {
        struct answer answer;
        uint64_t highest = 0;
        enum store_error e = ask(&answer, QUERY_HIGHEST_CHILD, (const struct value[]){NUMBER(chain->nodes[i].id)}, 1);
        if (e == STORE_OK) {
            highest = answer_number(&answer, 0, STORE_DEPTH - 1);
            e = answer_end(&answer);
        }
        if (e != STORE_OK && e != STORE_NOT_FOUND) return e;
        if (chain->nodes[i].height == highest + 1) return STORE_OK;
        e = set_height(&chain->nodes[i], (uint32_t)highest + 1);
        if (e != STORE_OK) return e;
    }
    return STORE_OK;
}

/* Looking. */

static void tell(const struct node *node, struct store_status *status) { *status = (struct store_status){.id = node->id, .kind = node->kind, .size = node->size}; }

enum store_error store_stat(uint64_t id, struct store_status *status) {
    struct node node;
    enum store_error e = begin_look();
    if (e == STORE_OK) e = load_node(id, &node);
    if (e == STORE_OK) tell(&node, status);
    return finish(e);
}

enum store_error store_lookup(uint64_t parent, struct store_name name, struct store_status *status) {
    struct node directory, node;
    enum store_error e = begin_look();
    if (e == STORE_OK) e = load_directory(parent, &directory);
    if (e == STORE_OK) e = load_child(parent, name, &node);
    if (e == STORE_OK) tell(&node, status);
    return finish(e);
}

static enum store_error list(uint64_t directory, struct store_name after, struct store_entry *entries, size_t room, size_t *count) {
    struct node node;
    enum store_error e = load_directory(directory, &node);
    if (e != STORE_OK) return e;
    if (after.length > STORE_NAME) return STORE_BAD_NAME;
    struct answer answer;
    const void *from = after.length == 0 ? "" : after.bytes;
    for (e = ask(&answer, QUERY_LIST, (const struct value[]){NUMBER(directory), BYTES(from, after.length)}, 2); e == STORE_OK; e = answer_next(&answer)) {
        if (*count == room) return answer_end(&answer);
        size_t length;
        take_node(&answer, &node);
        const uint8_t *name = answer_bytes(&answer, 8, STORE_NAME, &length);
        if (name == NULL || !good_name((struct store_name){name, length})) answer.bad = true;
        if (answer.bad) return answer_end(&answer);
        struct store_entry *entry = &entries[(*count)++];
        *entry = (struct store_entry){.id = node.id, .kind = node.kind, .size = node.size, .length = (uint8_t)length};
        memcpy(entry->name, name, length);
    }
    return e == STORE_NOT_FOUND ? STORE_OK : e;
}

enum store_error store_list(uint64_t directory, struct store_name after, struct store_entry *entries, size_t room, size_t *count) {
    *count = 0;
    enum store_error e = begin_look();
    if (e == STORE_OK) e = list(directory, after, entries, room, count);
    if (e != STORE_OK) *count = 0;
    return finish(e);
}

/* Changing. */

static enum store_error create(uint64_t parent, struct store_name name, enum store_kind kind, uint64_t *id) {
    static struct chain chain;
    struct node node;
    const bool directory = kind == STORE_DIRECTORY;
    if (!directory && kind != STORE_FILE) return STORE_BAD_REQUEST;
    enum store_error e = load_chain(parent, &chain);
    if (e == STORE_OK) e = load_child(parent, name, &node);
    if (e != STORE_NOT_FOUND || chain.count == 0) return e == STORE_OK ? STORE_EXISTS : e;
    if (directory && chain.count == STORE_DEPTH) return STORE_BAD_REQUEST;
    e = check_quota(&chain, 0, STORE_NODE_BYTES);
    if (e == STORE_OK) e = make_room(1);
    if (e == STORE_OK) e = take_id(id);
    if (e != STORE_OK) return e;
    const struct value values[] = {NUMBER(*id), NUMBER(parent), BYTES(name.bytes, name.length), NUMBER(kind), NUMBER(STORE_NODE_BYTES), NUMBER(directory)};
    e = change(QUERY_ADD_NODE, values, 6);
    if (e == STORE_OK) e = add_usage(&chain, STORE_NODE_BYTES, 0);
    return e == STORE_OK && directory ? raise(&chain, 1) : e;
}

enum store_error store_create(uint64_t parent, struct store_name name, enum store_kind kind, uint64_t *id) {
    const enum store_error e = begin_change();
    return finish(e == STORE_OK ? create(parent, name, kind, id) : e);
}

static enum store_error check_empty(uint64_t directory) {
    struct answer answer;
    const enum store_error e = ask(&answer, QUERY_ANY_CHILD, (const struct value[]){NUMBER(directory)}, 1);
    if (e != STORE_OK) return e == STORE_NOT_FOUND ? STORE_OK : e;
    return answer_end(&answer) == STORE_OK ? STORE_NOT_EMPTY : STORE_CORRUPT;
}

/* The node alone: not what directories above it say of it. */
static enum store_error drop(const struct node *node) {
    const enum store_error e = change(QUERY_REMOVE_NODE, (const struct value[]){NUMBER(node->id)}, 1);
    return e == STORE_OK && node->kind == STORE_FILE ? discard(node->data, 0, chunks_of(node->size)) : e;
}

static enum store_error remove_node(uint64_t parent, struct store_name name) {
    static struct chain chain;
    struct node node;
    enum store_error e = load_chain(parent, &chain);
    if (e == STORE_OK) e = load_child(parent, name, &node);
    if (e == STORE_OK && node.kind == STORE_DIRECTORY) e = check_empty(node.id);
    if (e == STORE_OK) e = drop(&node);
    if (e == STORE_OK) e = add_usage(&chain, 0, node.usage);
    return e == STORE_OK && node.kind == STORE_DIRECTORY ? lower(&chain) : e;
}

enum store_error store_remove(uint64_t parent, struct store_name name) {
    const enum store_error e = begin_change();
    return finish(e == STORE_OK ? remove_node(parent, name) : e);
}

/* May `node` take the place that `found` (STORE_OK: `old`) says is taken or free? */
static enum store_error may_take(const struct node *node, enum store_error found, const struct node *old, enum store_replace replace) {
    if (found != STORE_OK) return found == STORE_NOT_FOUND ? STORE_OK : found;
    if (replace != STORE_REPLACE || (node->kind == STORE_DIRECTORY && old->kind == STORE_DIRECTORY)) return STORE_EXISTS;
    if (old->kind == STORE_DIRECTORY) return STORE_IS_DIRECTORY;
    return node->kind == STORE_DIRECTORY ? STORE_NOT_DIRECTORY : STORE_OK;
}

/* How many directories the two chains have in common, from the root's end. */
static uint32_t count_shared(const struct chain *a, const struct chain *b) {
    uint32_t count = 0;
    while (count < a->count && count < b->count && a->nodes[a->count - 1 - count].id == b->nodes[b->count - 1 - count].id) count++;
    return count;
}

static enum store_error rename_node(uint64_t parent, struct store_name name, uint64_t new_parent, struct store_name new_name, enum store_replace replace) {
    static struct chain from, to;
    struct node node, old = {.id = 0};
    enum store_error e = load_chain(parent, &from);
    if (e == STORE_OK) e = load_child(parent, name, &node);
    if (e == STORE_OK) e = load_chain(new_parent, &to);
    if (e != STORE_OK) return e;
    const bool directory = node.kind == STORE_DIRECTORY;
    const enum store_error found = load_child(new_parent, new_name, &old);
    if (found == STORE_OK && old.id == node.id) return STORE_OK;
    for (uint32_t i = 0; i < to.count; i++) if (to.nodes[i].id == node.id) return STORE_BAD_REQUEST;
    e = may_take(&node, found, &old, replace);
    if (e != STORE_OK) return e;
    if (directory && to.count + node.height > STORE_DEPTH) return STORE_BAD_REQUEST;
    const uint64_t freed = found == STORE_OK ? old.usage : 0;
    e = check_quota(&to, count_shared(&from, &to), node.usage > freed ? node.usage - freed : 0);
    if (e == STORE_OK) e = make_room(1);
    if (e == STORE_OK && found == STORE_OK) e = drop(&old);
    if (e == STORE_OK) e = change(QUERY_MOVE_NODE, (const struct value[]){NUMBER(node.id), NUMBER(new_parent), BYTES(new_name.bytes, new_name.length)}, 3);
    if (e == STORE_OK) e = add_usage(&from, 0, node.usage);
    if (e == STORE_OK && directory) e = lower(&from);
    /* What the first half wrote may be in both chains. */
    if (e == STORE_OK) e = load_chain(new_parent, &to);
    if (e == STORE_OK) e = add_usage(&to, node.usage, freed);
    return e == STORE_OK && directory ? raise(&to, node.height) : e;
}

enum store_error store_rename(uint64_t parent, struct store_name name, uint64_t new_parent, struct store_name new_name, enum store_replace replace) {
    const enum store_error e = begin_change();
    return finish(e == STORE_OK ? rename_node(parent, name, new_parent, new_name, replace) : e);
}
