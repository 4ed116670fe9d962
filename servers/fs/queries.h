/*
 * queries.h: every question that the store asks its database, and how one is asked. A query is compiled when it is first asked and kept.
 *
 * What comes back is not believed: a column of another type or out of its range makes the answer bad, which answer_end reports.
 */
#pragma once
#include <sqlite3.h>

#include "store.h"

enum query {
    QUERY_BEGIN,
    QUERY_COMMIT,
    QUERY_FREE_PAGES,
    QUERY_PAGES,
    QUERY_SET_NEXT,
    QUERY_NODE,
    QUERY_CHILD,
    QUERY_ANY_CHILD,
    QUERY_LIST,
    QUERY_HIGHEST_CHILD,
    QUERY_ADD_NODE,
    QUERY_REMOVE_NODE,
    QUERY_MOVE_NODE,
    QUERY_SET_USAGE,
    QUERY_SET_HEIGHT,
    QUERY_SET_QUOTA,
    QUERY_SET_FILE,
    QUERY_CHUNKS,
    QUERY_LAST_CHUNK,
    QUERY_SET_CHUNK,
    QUERY_REMOVE_CHUNKS,
    QUERY_GARBAGE,
    QUERY_GARBAGE_OF,
    QUERY_SET_GARBAGE,
    QUERY_REMOVE_GARBAGE,
    QUERIES,
};

/* An argument: a number, or bytes. */
struct value {
    uint64_t number;
    const void *bytes;
    size_t length;
};
#define NUMBER(n) ((struct value){.number = (n)})
#define BYTES(b, n) ((struct value){.bytes = (b), .length = (n)})

struct answer {
    sqlite3_stmt *statement;
    bool bad;
};

/* Asks. STORE_OK: there is a row, and answer_end must follow. STORE_NOT_FOUND: there is none. */
enum store_error ask(struct answer *answer, enum query query, const struct value *values, int count);
/* The next row, or STORE_NOT_FOUND; the answer is ended in any other case than STORE_OK. */
enum store_error answer_next(struct answer *answer);
/* A column's number, 0 when it is none or more than `most`. */
uint64_t answer_number(struct answer *answer, int column, uint64_t most);
/* A column's bytes, valid to the next row; NULL when they are none or more than `most`. */
const uint8_t *answer_bytes(struct answer *answer, int column, size_t most, size_t *length);
/* STORE_CORRUPT when it was bad. */
enum store_error answer_end(struct answer *answer);
/* Runs a query that has no rows and changes something: the operation under way is then one that has changed something. */
enum store_error change(enum query query, const struct value *values, int count);

/* The whole schema, statement by statement; what a store's schema must be, to the letter. */
#define TABLES 6
extern const char *const schema[TABLES];
/* STORE_CORRUPT: the database has another schema. */
enum store_error check_schema(void);
/* Runs text without rows. */
enum store_error execute(const char *text);
/* The first row's first column, 0 when there is none or it is NULL. For the few questions that are asked once. */
enum store_error number_of(const char *text, uint64_t *number);
void forget_queries(void);
/* SQLite's result as ours. */
enum store_error error_of(int result);
