/* data.c: what files hold, in chunks of STORE_CHUNK bytes. A chunk that is not there, and what a short one lacks, is zeros; none reaches beyond its file's end. */
#include "state.h"

#include <string.h>

/* The chunk under way. */
static uint8_t chunk_bytes[STORE_CHUNK];

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static enum store_error load_file(uint64_t id, struct node *node) {
    const enum store_error e = load_node(id, node);
    return e == STORE_OK && node->kind == STORE_DIRECTORY ? STORE_IS_DIRECTORY : e;
}

/* Into chunk_bytes, the rest of which are zeros. */
static enum store_error load_chunk(uint64_t key, size_t *length) {
    struct answer answer;
    memset(chunk_bytes, 0, sizeof chunk_bytes);
    *length = 0;
    const enum store_error e = ask(&answer, QUERY_CHUNKS, (const struct value[]){NUMBER(key), NUMBER(key + 1)}, 2);
    if (e != STORE_OK) return e == STORE_NOT_FOUND ? STORE_OK : e;
    const uint8_t *bytes = answer_bytes(&answer, 1, STORE_CHUNK, length);
    if (bytes != NULL) memcpy(chunk_bytes, bytes, *length);
    return answer_end(&answer);
}

static enum store_error save_chunk(uint64_t key, size_t length) {
    return change(QUERY_SET_CHUNK, (const struct value[]){NUMBER(key), BYTES(chunk_bytes, length)}, 2);
}

/* Looking. */

static enum store_error read_chunks(const struct node *node, uint64_t offset, uint8_t *bytes, size_t count) {
    struct answer answer;
    memset(bytes, 0, count);
    if (count == 0) return STORE_OK;
    const uint64_t end = offset + count, first = chunk_key(node->data, offset / STORE_CHUNK), past = chunk_key(node->data, chunks_of(end));
    enum store_error e = ask(&answer, QUERY_CHUNKS, (const struct value[]){NUMBER(first), NUMBER(past)}, 2);
    for (; e == STORE_OK; e = answer_next(&answer)) {
        size_t length;
        const uint64_t key = answer_number(&answer, 0, past - 1);
        const uint8_t *chunk = answer_bytes(&answer, 1, STORE_CHUNK, &length);
        if (answer.bad || key < first) {
            answer.bad = true;
            return answer_end(&answer);
        }
        const uint64_t at = (key - chunk_key(node->data, 0)) * STORE_CHUNK, from = at < offset ? offset : at, to = least(at + length, end);
        if (from < to) memcpy(bytes + (from - offset), chunk + (from - at), to - from);
    }
    return e == STORE_NOT_FOUND ? STORE_OK : e;
}

enum store_error store_read(uint64_t id, uint64_t offset, void *bytes, size_t count, size_t *done) {
    struct node node;
    *done = 0;
    enum store_error e = begin_look();
    if (e == STORE_OK && count > STORE_PIECE) e = STORE_BAD_REQUEST;
    if (e == STORE_OK) e = load_file(id, &node);
    if (e != STORE_OK) return finish(e);
    const size_t there = offset >= node.size ? 0 : (size_t)least(count, node.size - offset);
    e = read_chunks(&node, offset, bytes, there);
    if (e == STORE_OK) *done = there;
    return finish(e);
}

/* Changing. */

/* All that may refuse it, when a file is to be of another size. The chain is the directories above it. */
static enum store_error may_resize(const struct node *node, uint64_t size, struct chain *chain) {
    if (size > STORE_MOST_SIZE) return STORE_BAD_REQUEST;
    const uint64_t old = usage_of_file(node->size), new = usage_of_file(size);
    enum store_error e = load_chain(node->parent, chain);
    if (e == STORE_NOT_FOUND || e == STORE_NOT_DIRECTORY) return STORE_CORRUPT;
    if (e == STORE_OK && new > old) e = check_quota(chain, 0, new - old);
    return e == STORE_OK && size > node->size ? free_all_of(node->data) : e;
}

static enum store_error resize(const struct node *node, uint64_t size, uint64_t data, struct chain *chain) {
    const uint64_t usage = usage_of_file(size);
    const enum store_error e = change(QUERY_SET_FILE, (const struct value[]){NUMBER(node->id), NUMBER(size), NUMBER(data), NUMBER(usage)}, 4);
    return e == STORE_OK ? add_usage(chain, usage, node->usage) : e;
}

static enum store_error write_chunks(const struct node *node, uint64_t offset, const uint8_t *bytes, size_t count) {
    while (count > 0) {
        const uint64_t key = chunk_key(node->data, offset / STORE_CHUNK);
        const size_t within = (size_t)(offset % STORE_CHUNK), piece = (size_t)least(count, STORE_CHUNK - within);
        size_t length = 0;
        enum store_error e = piece == STORE_CHUNK ? STORE_OK : load_chunk(key, &length);
        if (e != STORE_OK) return e;
        memcpy(chunk_bytes + within, bytes, piece);
        e = save_chunk(key, within + piece > length ? within + piece : length);
        if (e != STORE_OK) return e;
        bytes += piece;
        offset += piece;
        count -= piece;
    }
    return STORE_OK;
}

static enum store_error write(const struct node *node, uint64_t offset, const void *bytes, size_t count) {
    static struct chain chain;
    if (count > STORE_PIECE || offset > STORE_MOST_SIZE || count > STORE_MOST_SIZE - offset) return STORE_BAD_REQUEST;
    if (count == 0) return STORE_OK;
    const uint64_t end = offset + count;
    enum store_error e = end > node->size ? may_resize(node, end, &chain) : STORE_OK;
    if (e == STORE_OK) e = make_room(chunks_of(end) - offset / STORE_CHUNK);
    if (e == STORE_OK) e = write_chunks(node, offset, bytes, count);
    return e == STORE_OK && end > node->size ? resize(node, end, node->data, &chain) : e;
}

enum store_error store_write(uint64_t id, uint64_t offset, const void *bytes, size_t count) {
    struct node node;
    enum store_error e = begin_change();
    if (e == STORE_OK) e = load_file(id, &node);
    if (e == STORE_OK) e = write(&node, offset, bytes, count);
    return finish(e);
}

enum store_error store_append(uint64_t id, const void *bytes, size_t count, uint64_t *offset) {
    struct node node;
    enum store_error e = begin_change();
    if (e == STORE_OK) e = load_file(id, &node);
    if (e == STORE_OK) e = write(&node, node.size, bytes, count);
    if (e == STORE_OK) *offset = node.size;
    return finish(e);
}

/* The last chunk of a file that is cut to `size`. */
static enum store_error cut_chunk(const struct node *node, uint64_t size) {
    const uint64_t key = chunk_key(node->data, size / STORE_CHUNK);
    const size_t keep = (size_t)(size % STORE_CHUNK);
    size_t length;
    if (keep == 0) return STORE_OK;
    const enum store_error e = load_chunk(key, &length);
    return e == STORE_OK && length > keep ? save_chunk(key, keep) : e;
}

static enum store_error truncate(const struct node *node, uint64_t size) {
    static struct chain chain;
    if (size == node->size) return STORE_OK;
    uint64_t data = node->data;
    enum store_error e = may_resize(node, size, &chain);
    /* Emptied, it begins anew: it may grow without waiting for what it held to be freed. */
    if (e == STORE_OK && size == 0) e = take_id(&data);
    if (e == STORE_OK && size < node->size) e = cut_chunk(node, size);
    if (e == STORE_OK) e = discard(node->data, chunks_of(size), chunks_of(node->size));
    return e == STORE_OK ? resize(node, size, data, &chain) : e;
}

enum store_error store_truncate(uint64_t id, uint64_t size) {
    struct node node;
    enum store_error e = begin_change();
    if (e == STORE_OK) e = load_file(id, &node);
    if (e == STORE_OK) e = truncate(&node, size);
    return finish(e);
}
