/* store.c: the life of a store, the frame of every operation, and when changes are committed. */
#include "state.h"

#include <string.h>

#include "region.h"
#include "vfs.h"

enum { IDS_AT_ONCE = 64, STEPS = 1000, LOOK_BUDGET = 4000, PAGE_SLOT = VFS_PAGE + 512 };

struct store store;

/* Ends a statement that takes longer than an honest volume can make one take. */
static int spend(void *context) {
    (void)context;
    if (store.budget > 1) store.budget--;
    return store.budget == 1;
}

static void disconnect(void) {
    forget_queries();
    (void)sqlite3_close(store.connection);
    store.connection = NULL;
    store.pending = false;
    store.changed = false;
}

static enum store_error set_up_connection(void) {
    sqlite3_progress_handler(store.connection, STEPS, spend, NULL);
    (void)sqlite3_db_config(store.connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(store.connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_limit(store.connection, SQLITE_LIMIT_LENGTH, 65536);
    static const char *const settings[] = {
        "PRAGMA page_size=4096", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA cell_size_check=ON", "PRAGMA journal_mode=PERSIST", "PRAGMA synchronous=FULL",
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const enum store_error e = execute(settings[i]);
        if (e != STORE_OK) return e;
    }
    char text[64];
    (void)sqlite3_snprintf(sizeof text, text, "PRAGMA cache_size=%d", store.cache_pages);
    const enum store_error e = execute(text);
    if (e != STORE_OK) return e;
    (void)sqlite3_snprintf(sizeof text, text, "PRAGMA max_page_count=%lld", (sqlite3_int64)(store.layout.database.sectors * VOLUME_SECTOR / VFS_PAGE));
    return execute(text);
}

/* What the rest relies on: our page size, our schema, and that ids not yet given are nobody's. */
static enum store_error check_contents(void) {
    uint64_t page = 0, next = 0, id = 0, data = 0, key = 0, garbage = 0;
    enum store_error e = check_schema();
    if (e == STORE_OK) e = number_of("PRAGMA page_size", &page);
    if (e == STORE_OK) e = number_of("SELECT value FROM state WHERE id=1", &next);
    if (e == STORE_OK) e = number_of("SELECT max(id) FROM nodes", &id);
    if (e == STORE_OK) e = number_of("SELECT max(key) FROM chunks", &key);
    if (e == STORE_OK) e = number_of("SELECT max(data) FROM garbage", &garbage);
    if (e != STORE_OK) return e;
    data = key >> CHUNK_KEYS;
    if (page != VFS_PAGE || next > MOST_ID || id >= next || data >= next || garbage >= next) return STORE_CORRUPT;
    store.next_id = store.reserved_id = next;
    struct node root;
    e = load_node(STORE_ROOT, &root);
    return e == STORE_OK && (root.kind != STORE_DIRECTORY || root.parent != 0) ? STORE_CORRUPT : e == STORE_NOT_FOUND ? STORE_CORRUPT : e;
}

static enum store_error connect(int flags) {
    enum store_error e = vfs_use(&store.volume, &store.layout);
    if (e != STORE_OK) return e;
    store.budget = LOOK_BUDGET;
    e = error_of(sqlite3_open_v2(VFS_DATABASE, &store.connection, SQLITE_OPEN_READWRITE | flags, VFS_NAME));
    if (e == STORE_OK) e = set_up_connection();
    return e;
}

static enum store_error reconnect(void) {
    enum store_error e = connect(0);
    if (e == STORE_OK) e = check_contents();
    if (e != STORE_OK) disconnect();
    return e;
}

/* Of the heap, a half are pages of the database and the rest is for all else. */
static enum store_error start_sqlite(const struct volume *volume, void *heap, size_t heap_bytes) {
    if (store.is_open || heap_bytes < STORE_LEAST_HEAP || heap_bytes > INT32_MAX || ((uintptr_t)heap & 15) != 0) return STORE_BAD_REQUEST;
    store = (struct store){.volume = *volume, .losses = store.losses, .commits = store.commits};
    const int pages = (int)(heap_bytes / 2 / PAGE_SLOT);
    store.cache_pages = pages - pages / 4;
    uint8_t *rest = (uint8_t *)heap + (size_t)pages * PAGE_SLOT;
    int result = sqlite3_config(SQLITE_CONFIG_PAGECACHE, heap, PAGE_SLOT, pages);
    if (result == SQLITE_OK) result = sqlite3_config(SQLITE_CONFIG_HEAP, rest, (int)(heap_bytes - (size_t)pages * PAGE_SLOT), 64);
    if (result == SQLITE_OK) result = sqlite3_initialize();
    return result == SQLITE_OK ? STORE_OK : STORE_NO_MEMORY;
}

static enum store_error stop_sqlite(enum store_error error) {
    disconnect();
    (void)sqlite3_shutdown();
    store.is_open = false;
    return error;
}

static enum store_error make_contents(void) {
    enum store_error e = execute("BEGIN");
    for (int i = 0; i < TABLES && e == STORE_OK; i++) e = execute(schema[i]);
    if (e == STORE_OK) e = execute("INSERT INTO state VALUES(1, 2)");
    if (e == STORE_OK) e = execute("INSERT INTO nodes VALUES(1, 0, x'', 2, 0, 1, 1024, 0, 1)");
    return e == STORE_OK ? execute("COMMIT") : e;
}

enum store_error store_format(const struct volume *volume, void *heap, size_t heap_bytes) {
    if (volume->read_only) return STORE_READ_ONLY;
    struct layout layout;
    enum store_error e = layout_of(volume, &layout);
    if (e == STORE_OK) e = start_sqlite(volume, heap, heap_bytes);
    if (e != STORE_OK) return e;
    store.layout = layout;
    e = layout_erase(volume);
    if (e == STORE_OK) e = vfs_use(&store.volume, &layout);
    if (e == STORE_OK) e = vfs_erase();
    if (e == STORE_OK) e = connect(SQLITE_OPEN_CREATE);
    if (e == STORE_OK) e = make_contents();
    if (e == STORE_OK) e = layout_write(volume, &layout);
    return stop_sqlite(e);
}

enum store_error store_open(const struct volume *volume, void *heap, size_t heap_bytes) {
    struct layout layout;
    enum store_error e = layout_read(volume, &layout);
    if (e == STORE_OK) e = start_sqlite(volume, heap, heap_bytes);
    if (e != STORE_OK) return e;
    store.layout = layout;
    e = reconnect();
    if (e != STORE_OK) return stop_sqlite(e);
    store.is_open = true;
    return STORE_OK;
}

enum store_error store_close(void) {
    if (!store.is_open) return STORE_BAD_REQUEST;
    return stop_sqlite(store_sync());
}

/* The frame. */

enum store_error begin_look(void) {
    if (!store.is_open) return STORE_BAD_REQUEST;
    store.changed = false;
    if (store.connection == NULL) {
        const enum store_error e = reconnect();
        if (e != STORE_OK) return e;
        store.reopened++;
    }
    store.budget = LOOK_BUDGET;
    return STORE_OK;
}

enum store_error begin_change(void) {
    const enum store_error e = begin_look();
    return e == STORE_OK && store.volume.read_only ? STORE_READ_ONLY : e;
}

enum store_error finish(enum store_error error) {
    if (store.connection == NULL) return error;
    const bool rolled_back = store.pending && sqlite3_get_autocommit(store.connection) != 0;
    if (error != STORE_OK && (store.changed || rolled_back)) {
        if (store.pending) store.losses++;
        disconnect();
        return error;
    }
    if (error == STORE_OK && store.changed && vfs_journal_is_full()) return commit();
    store.changed = false;
    return error;
}

enum store_error begin_transaction(void) {
    if (store.pending) return STORE_OK;
    struct answer answer;
    vfs_journal_begin();
    const enum store_error e = ask(&answer, QUERY_BEGIN, NULL, 0);
    if (e != STORE_NOT_FOUND) return e == STORE_OK ? STORE_CORRUPT : e;
    store.pending = true;
    return STORE_OK;
}

/* Fails with all that was pending lost. */
enum store_error commit(void) {
    if (!store.pending) return STORE_OK;
    struct answer answer;
    const enum store_error e = ask(&answer, QUERY_COMMIT, NULL, 0);
    if (e == STORE_NOT_FOUND) {
        store.pending = false;
        store.changed = false;
        store.commits++;
        return STORE_OK;
    }
    store.losses++;
    disconnect();
    return e == STORE_OK ? STORE_CORRUPT : e;
}

/* The numbers are reserved by a commit of their own before the first of them is given: a client may hold one that a loss took the node of. */
enum store_error take_id(uint64_t *id) {
    if (store.next_id == store.reserved_id) {
        if (store.next_id > MOST_ID - IDS_AT_ONCE) return STORE_NO_SPACE;
        enum store_error e = change(QUERY_SET_NEXT, (const struct value[]){NUMBER(store.next_id + IDS_AT_ONCE)}, 1);
        if (e == STORE_OK && sqlite3_changes(store.connection) != 1) e = STORE_CORRUPT;
        if (e == STORE_OK) e = commit();
        if (e != STORE_OK) return e;
        store.reserved_id = store.next_id + IDS_AT_ONCE;
    }
    *id = store.next_id++;
    return STORE_OK;
}

/* When changes last. */

enum store_error store_sync(void) {
    const enum store_error e = begin_look();
    return e == STORE_OK ? commit() : e;
}

enum store_error store_idle(bool *more) {
    *more = false;
    enum store_error e = store_sync();
    if (e != STORE_OK || store.volume.read_only) return e;
    e = free_piece(more);
    return finish(e == STORE_OK && *more ? commit() : e);
}

uint64_t store_losses(void) { return store.losses; }

void store_statistics(struct store_statistics *statistics) {
    const struct region_counts *counts = region_counts();
    sqlite3_int64 now = 0, most = 0, pages = 0, most_pages = 0;
    if (store.is_open) {
        (void)sqlite3_status64(SQLITE_STATUS_MEMORY_USED, &now, &most, 0);
        (void)sqlite3_status64(SQLITE_STATUS_PAGECACHE_USED, &pages, &most_pages, 0);
    }
    *statistics = (struct store_statistics){
        .commits = store.commits,
        .sectors_read = counts->read,
        .sectors_written = counts->written,
        .flushes = counts->flushes,
        .heap = (uint64_t)most + (uint64_t)most_pages * PAGE_SLOT,
        .reopened = store.reopened,
    };
}
