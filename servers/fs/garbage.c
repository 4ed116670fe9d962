/*
 * garbage.c: chunks that no file has any more. A transaction must fit the journal, so the chunks of a large file cannot go with its name. The file's data
 * is noted instead, and its chunks freed a piece at a time, each in a state of its own, from the last one downwards.
 */
#include "state.h"

enum { AT_ONCE = 16, PIECE = 64 };

enum store_error discard(uint64_t data, uint64_t first, uint64_t count) {
    if (count <= first) return STORE_OK;
    /* Of a file that was cut before, chunks may be left beyond its size: then they all go by the note. */
    struct answer answer;
    const enum store_error e = ask(&answer, QUERY_GARBAGE_OF, (const struct value[]){NUMBER(data)}, 1);
    if (e != STORE_OK && e != STORE_NOT_FOUND) return e;
    if (e == STORE_OK && answer_end(&answer) != STORE_OK) return STORE_CORRUPT;
    if (e == STORE_NOT_FOUND && count - first <= AT_ONCE) return change(QUERY_REMOVE_CHUNKS, (const struct value[]){NUMBER(chunk_key(data, first)), NUMBER(chunk_key(data, count))}, 2);
    return change(QUERY_SET_GARBAGE, (const struct value[]){NUMBER(data), NUMBER(first)}, 2);
}

/* The last chunks of `data` from `first` on, or the note itself when there are none. */
static enum store_error free_some(uint64_t data, uint64_t first) {
    struct answer answer;
    const uint64_t from = chunk_key(data, first), to = chunk_key(data + 1, 0);
    enum store_error e = ask(&answer, QUERY_LAST_CHUNK, (const struct value[]){NUMBER(from), NUMBER(to)}, 2);
    if (e == STORE_NOT_FOUND) return change(QUERY_REMOVE_GARBAGE, (const struct value[]){NUMBER(data)}, 1);
    if (e != STORE_OK) return e;
    const uint64_t last = answer_number(&answer, 0, to - 1);
    e = answer_end(&answer);
    if (e != STORE_OK) return e;
    if (last < from) return STORE_CORRUPT;
    return change(QUERY_REMOVE_CHUNKS, (const struct value[]){NUMBER(last - from < PIECE ? from : last - PIECE + 1), NUMBER(last + 1)}, 2);
}

/* STORE_NOT_FOUND: there is no such garbage. */
static enum store_error free_found(enum query query, const struct value *values, int count) {
    struct answer answer;
    enum store_error e = ask(&answer, query, values, count);
    if (e != STORE_OK) return e;
    const uint64_t data = answer_number(&answer, 0, MOST_ID), first = answer_number(&answer, 1, (1ULL << CHUNK_KEYS) - 1);
    e = answer_end(&answer);
    return e == STORE_OK ? free_some(data, first) : e;
}

enum store_error free_piece(bool *more) {
    const enum store_error e = free_found(QUERY_GARBAGE, NULL, 0);
    *more = e == STORE_OK;
    return e == STORE_NOT_FOUND ? STORE_OK : e;
}

enum store_error free_all_of(uint64_t data) {
    for (;;) {
        enum store_error e = free_found(QUERY_GARBAGE_OF, (const struct value[]){NUMBER(data)}, 1);
        if (e == STORE_NOT_FOUND) return STORE_OK;
        if (e == STORE_OK) e = commit();
        if (e != STORE_OK) return e;
    }
}
