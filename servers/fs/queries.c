/* queries.c: the schema, the queries, and the way to SQLite and back. README.md says what the columns mean. */
#include "queries.h"

#include <string.h>

#include "state.h"

/* An id is below 2^34 and a chunk's number below 2^28, so one integer is both: the chunk's key. */
const char *const schema[TABLES] = {
    "CREATE TABLE state(id INTEGER PRIMARY KEY, value INTEGER NOT NULL)",
    "CREATE TABLE nodes(id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name BLOB NOT NULL, kind INTEGER NOT NULL, size INTEGER NOT NULL, "
    "data INTEGER NOT NULL, usage INTEGER NOT NULL, quota INTEGER NOT NULL, height INTEGER NOT NULL)",
    "CREATE UNIQUE INDEX names ON nodes(parent, name)",
    "CREATE INDEX heights ON nodes(parent, height) WHERE kind=2",
    "CREATE TABLE chunks(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL)",
    "CREATE TABLE garbage(data INTEGER PRIMARY KEY, first INTEGER NOT NULL)",
};

#define NODE "id, parent, kind, size, data, usage, quota, height"
static const char *const texts[QUERIES] = {
    [QUERY_BEGIN] = "BEGIN IMMEDIATE",
    [QUERY_COMMIT] = "COMMIT",
    [QUERY_FREE_PAGES] = "PRAGMA freelist_count",
    [QUERY_PAGES] = "PRAGMA page_count",
    [QUERY_SET_NEXT] = "UPDATE state SET value=?1 WHERE id=1",
    [QUERY_NODE] = "SELECT " NODE " FROM nodes WHERE id=?1",
    [QUERY_CHILD] = "SELECT " NODE " FROM nodes WHERE parent=?1 AND name=?2",
    [QUERY_ANY_CHILD] = "SELECT id FROM nodes WHERE parent=?1 LIMIT 1",
    [QUERY_LIST] = "SELECT " NODE ", name FROM nodes WHERE parent=?1 AND name>?2 ORDER BY name",
    [QUERY_HIGHEST_CHILD] = "SELECT height FROM nodes WHERE parent=?1 AND kind=2 ORDER BY height DESC LIMIT 1",
    [QUERY_ADD_NODE] = "INSERT INTO nodes(id, parent, name, kind, size, data, usage, quota, height) VALUES(?1, ?2, ?3, ?4, 0, ?1, ?5, 0, ?6)",
    [QUERY_REMOVE_NODE] = "DELETE FROM nodes WHERE id=?1",
    [QUERY_MOVE_NODE] = "UPDATE nodes SET parent=?2, name=?3 WHERE id=?1",
    [QUERY_SET_USAGE] = "UPDATE nodes SET usage=?2 WHERE id=?1",
    [QUERY_SET_HEIGHT] = "UPDATE nodes SET height=?2 WHERE id=?1",
    [QUERY_SET_QUOTA] = "UPDATE nodes SET quota=?2 WHERE id=?1",
    [QUERY_SET_FILE] = "UPDATE nodes SET size=?2, data=?3, usage=?4 WHERE id=?1",
    [QUERY_CHUNKS] = "SELECT key, bytes FROM chunks WHERE key>=?1 AND key<?2 ORDER BY key",
    [QUERY_LAST_CHUNK] = "SELECT key FROM chunks WHERE key>=?1 AND key<?2 ORDER BY key DESC LIMIT 1",
    [QUERY_SET_CHUNK] = "INSERT OR REPLACE INTO chunks(key, bytes) VALUES(?1, ?2)",
    [QUERY_REMOVE_CHUNKS] = "DELETE FROM chunks WHERE key>=?1 AND key<?2",
    [QUERY_GARBAGE] = "SELECT data, first FROM garbage LIMIT 1",
    [QUERY_GARBAGE_OF] = "SELECT data, first FROM garbage WHERE data=?1",
    [QUERY_SET_GARBAGE] = "INSERT OR REPLACE INTO garbage(data, first) VALUES(?1, ?2)",
    [QUERY_REMOVE_GARBAGE] = "DELETE FROM garbage WHERE data=?1",
};

enum store_error error_of(int result) {
    switch (result & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE: return STORE_OK;
        case SQLITE_FULL: return STORE_NO_SPACE;
        case SQLITE_NOMEM: return STORE_NO_MEMORY;
        case SQLITE_READONLY: return store.volume.read_only ? STORE_READ_ONLY : STORE_CORRUPT;
        case SQLITE_CANTOPEN: return STORE_DEVICE;
        case SQLITE_IOERR: return result == SQLITE_IOERR_NOMEM ? STORE_NO_MEMORY : result == SQLITE_IOERR_SHORT_READ ? STORE_CORRUPT : STORE_DEVICE;
        default: return STORE_CORRUPT;
    }
}

static enum store_error prepare(enum query query) {
    if (store.statements[query] != NULL) return STORE_OK;
    return error_of(sqlite3_prepare_v3(store.connection, texts[query], -1, SQLITE_PREPARE_PERSISTENT, &store.statements[query], NULL));
}

static int bind(sqlite3_stmt *statement, int index, const struct value *value) {
    if (value->bytes != NULL) return sqlite3_bind_blob(statement, index, value->bytes, (int)value->length, SQLITE_STATIC);
    return sqlite3_bind_int64(statement, index, (sqlite3_int64)value->number);
}

enum store_error answer_end(struct answer *answer) {
    (void)sqlite3_reset(answer->statement);
    return answer->bad ? STORE_CORRUPT : STORE_OK;
}

enum store_error answer_next(struct answer *answer) {
    const int result = sqlite3_step(answer->statement);
    if (result == SQLITE_ROW) return STORE_OK;
    const enum store_error ended = answer_end(answer);
    return result == SQLITE_DONE ? (ended == STORE_OK ? STORE_NOT_FOUND : ended) : error_of(result);
}

enum store_error ask(struct answer *answer, enum query query, const struct value *values, int count) {
    const enum store_error e = prepare(query);
    if (e != STORE_OK) return e;
    *answer = (struct answer){.statement = store.statements[query]};
    for (int i = 0; i < count; i++) {
        const int result = bind(answer->statement, i + 1, &values[i]);
        if (result != SQLITE_OK) return error_of(result);
    }
    return answer_next(answer);
}

uint64_t answer_number(struct answer *answer, int column, uint64_t most) {
    const sqlite3_int64 number = sqlite3_column_int64(answer->statement, column);
    if (sqlite3_column_type(answer->statement, column) == SQLITE_INTEGER && number >= 0 && (uint64_t)number <= most) return (uint64_t)number;
    answer->bad = true;
    return 0;
}

const uint8_t *answer_bytes(struct answer *answer, int column, size_t most, size_t *length) {
    const bool blob = sqlite3_column_type(answer->statement, column) == SQLITE_BLOB;
    const uint8_t *bytes = blob ? sqlite3_column_blob(answer->statement, column) : NULL;
    *length = blob ? (size_t)sqlite3_column_bytes(answer->statement, column) : 0;
    /* An empty blob has no address. */
    if (blob && *length <= most && (bytes != NULL || *length == 0)) return bytes != NULL ? bytes : (const uint8_t *)"";
    answer->bad = true;
    *length = 0;
    return NULL;
}

enum store_error change(enum query query, const struct value *values, int count) {
    const enum store_error begun = begin_transaction();
    if (begun != STORE_OK) return begun;
    store.changed = true;
    struct answer answer;
    const enum store_error e = ask(&answer, query, values, count);
    if (e == STORE_OK) {
        (void)answer_end(&answer);
        return STORE_CORRUPT;
    }
    return e == STORE_NOT_FOUND ? STORE_OK : e;
}

enum store_error execute(const char *text) { return error_of(sqlite3_exec(store.connection, text, NULL, NULL, NULL)); }

enum store_error number_of(const char *text, uint64_t *number) {
    struct answer answer = {.statement = NULL};
    *number = 0;
    const enum store_error e = error_of(sqlite3_prepare_v2(store.connection, text, -1, &answer.statement, NULL));
    if (e != STORE_OK) return e;
    enum store_error asked = answer_next(&answer);
    if (asked == STORE_OK) {
        if (sqlite3_column_type(answer.statement, 0) != SQLITE_NULL) *number = answer_number(&answer, 0, INT64_MAX);
        asked = answer_end(&answer);
    } else if (asked == STORE_NOT_FOUND) asked = STORE_OK;
    (void)sqlite3_finalize(answer.statement);
    return asked;
}

enum store_error check_schema(void) {
    struct answer answer = {.statement = NULL};
    enum store_error e = error_of(sqlite3_prepare_v2(store.connection, "SELECT sql FROM sqlite_schema ORDER BY rowid", -1, &answer.statement, NULL));
    if (e != STORE_OK) return e;
    int row = 0;
    bool same = true;
    while ((e = answer_next(&answer)) == STORE_OK) {
        const void *text = sqlite3_column_text(answer.statement, 0);
        same = same && row < TABLES && text != NULL && strcmp(text, schema[row]) == 0;
        row++;
        if (!same) break;
    }
    (void)sqlite3_finalize(answer.statement);
    if (e != STORE_OK && e != STORE_NOT_FOUND) return e;
    return same && row == TABLES ? STORE_OK : STORE_CORRUPT;
}

void forget_queries(void) {
    for (int i = 0; i < QUERIES; i++) {
        (void)sqlite3_finalize(store.statements[i]);
        store.statements[i] = NULL;
    }
}
