/* digest.c: one number for all that can be seen of a model, and of a store. */
#include <string.h>

#include "disk.h"
#include "model.h"

static uint64_t mix(uint64_t hash, const void *bytes, uint64_t count) {
    const uint8_t *b = bytes;
    for (; count >= 8; count -= 8, b += 8) {
        uint64_t word;
        memcpy(&word, b, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 29;
    }
    for (uint64_t i = 0; i < count; i++) hash = (hash ^ b[i]) * 0x100000001b3ULL;
    return hash;
}

static uint64_t mix_node(uint64_t hash, uint64_t id, uint64_t kind, uint64_t size, const void *name, uint64_t length) {
    const uint64_t numbers[] = {id, kind, size, length};
    return mix(mix(hash, numbers, sizeof numbers), name, length);
}

static uint64_t digest_model(const struct model *m, int directory, uint64_t hash) {
    const uint64_t account[] = {model_usage(m, directory), m->nodes[directory].quota};
    hash = mix(hash, account, sizeof account);
    const struct model_node *last = NULL;
    for (;;) {
        int next = -1;
        for (int i = 1; i < MODEL_NODES; i++) {
            const struct model_node *n = &m->nodes[i];
            if (!n->used || n->parent != directory) continue;
            struct store_name a = {n->name, n->length}, b = next < 0 ? a : (struct store_name){m->nodes[next].name, m->nodes[next].length};
            const int first = memcmp(a.bytes, b.bytes, a.length < b.length ? a.length : b.length);
            const bool before = first < 0 || (first == 0 && a.length < b.length);
            const int past = last == NULL ? 1 : memcmp(n->name, last->name, n->length < last->length ? n->length : last->length);
            const bool after = past > 0 || (past == 0 && last != NULL && n->length > last->length);
            if (after && (next < 0 || before)) next = i;
        }
        if (next < 0) return hash;
        last = &m->nodes[next];
        hash = mix_node(hash, last->id, last->kind, last->size, last->name, last->length);
        if (last->kind == STORE_DIRECTORY) hash = digest_model(m, next, hash);
        for (uint64_t at = 0; at < last->size; at += STORE_PIECE) hash = mix(hash, last->bytes + at, last->size - at < STORE_PIECE ? last->size - at : STORE_PIECE);
    }
}

uint64_t model_digest(const struct model *model) { return digest_model(model, 0, 1) | 1; }

static enum store_error digest_store(uint64_t directory, int level, uint64_t *hash) {
    struct store_usage account;
    /* Only on a volume that somebody has changed. */
    if (level == (int)STORE_DEPTH) return STORE_CORRUPT;
    enum store_error e = store_usage(directory, &account);
    if (e != STORE_OK) return e;
    const uint64_t numbers[] = {account.bytes, account.quota};
    *hash = mix(*hash, numbers, sizeof numbers);
    struct store_entry entries[3];
    struct store_name after = {"", 0};
    uint8_t last[STORE_NAME];
    for (size_t count = 1; count > 0;) {
        e = store_list(directory, after, entries, 3, &count);
        for (size_t i = 0; i < count && e == STORE_OK; i++) {
            const struct store_entry *n = &entries[i];
            *hash = mix_node(*hash, n->id, n->kind, n->size, n->name, n->length);
            if (n->kind == STORE_DIRECTORY) e = digest_store(n->id, level + 1, hash);
            for (uint64_t at = 0; at < n->size && e == STORE_OK && n->kind == STORE_FILE && n->size <= MODEL_BYTES; at += STORE_PIECE) {
                static uint8_t bytes[STORE_PIECE];
                size_t done;
                e = store_read(n->id, at, bytes, STORE_PIECE, &done);
                if (e == STORE_OK) *hash = mix(*hash, bytes, done);
            }
        }
        if (e != STORE_OK) return e;
        if (count > 0) {
            after = (struct store_name){last, entries[count - 1].length};
            memcpy(last, entries[count - 1].name, entries[count - 1].length);
        }
    }
    return STORE_OK;
}

uint64_t store_digest(enum store_error *error) {
    uint64_t hash = 1;
    *error = digest_store(STORE_ROOT, 0, &hash);
    return *error == STORE_OK ? hash | 1 : 0;
}
