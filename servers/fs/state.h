/*
 * state.h: what the parts of the store share: the one store, nodes as they are in the database, and the steps that more than one part takes.
 *
 * Every operation is begin_look or begin_change, checks, changes, finish. All that may be refused is refused before the first change, so a failure after
 * it is the volume's or the heap's; finish then throws the connection to the database away, and with it what was not committed.
 */
#pragma once
#include "layout.h"
#include "queries.h"

struct store {
    struct volume volume;
    struct layout layout;
    bool is_open;
    /* NULL after a failure: the next operation opens it anew. */
    sqlite3 *connection;
    sqlite3_stmt *statements[QUERIES];
    int cache_pages;
    /* A transaction is on its way: there is something that a sync has to write. */
    bool pending;
    /* The operation under way has changed something. */
    bool changed;
    /* Ids from next to reserved - 1 may be given: no store opened later gives them. */
    uint64_t next_id, reserved_id;
    uint64_t losses, commits, reopened;
    /* Steps of SQLite's machine, in thousands, that the operation under way may still take: 1: none, 0: no limit. */
    uint32_t budget;
};
extern struct store store;

#define MOST_ID (1ULL << 34)
#define MOST_USAGE (1ULL << 62)
#define CHUNK_KEYS 28
static inline uint64_t chunk_key(uint64_t data, uint64_t chunk) { return data << CHUNK_KEYS | chunk; }
static inline uint64_t chunks_of(uint64_t size) { return (size + STORE_CHUNK - 1) / STORE_CHUNK; }

struct node {
    uint64_t id, parent;
    enum store_kind kind;
    uint64_t size, data;
    /* Of a directory: with all under it. Of a file: its own. */
    uint64_t usage;
    uint64_t quota;
    /* Directories one in the other from here downwards, 1 when it holds none; 0 for a file. */
    uint32_t height;
};

/* A directory and those above it, up to the root. */
struct chain {
    uint32_t count;
    struct node nodes[STORE_DEPTH];
};

/* store.c: an operation's frame. */
enum store_error begin_look(void);
enum store_error begin_change(void);
enum store_error finish(enum store_error error);
enum store_error begin_transaction(void);
enum store_error commit(void);
enum store_error take_id(uint64_t *id);

/* tree.c */
enum store_error load_node(uint64_t id, struct node *node);
enum store_error load_directory(uint64_t id, struct node *node);
enum store_error load_child(uint64_t parent, struct store_name name, struct node *node);
enum store_error load_chain(uint64_t directory, struct chain *chain);

/* account.c */
static inline uint64_t usage_of_file(uint64_t size) { return STORE_NODE_BYTES + chunks_of(size) * STORE_CHUNK; }
/* May the directories of the chain grow by so much? The first `shared` from the root's end grow by nothing. */
enum store_error check_quota(const struct chain *chain, uint32_t shared, uint64_t more);
enum store_error add_usage(struct chain *chain, uint64_t more, uint64_t less);
/* Is there room for so many chunks more, garbage taken away where that helps? Before the operation's first change only. */
enum store_error make_room(uint64_t chunks);

/* garbage.c: chunks that no file has any more. */
/* Those of `data` from chunk `first` on, of a file that had `count`. A few are freed at once, many later. */
enum store_error discard(uint64_t data, uint64_t first, uint64_t count);
/* Frees a piece. *more: there was one. */
enum store_error free_piece(bool *more);
/* A file is to grow: what it lost when it was last cut must be gone first. Before the operation's first change only. */
enum store_error free_all_of(uint64_t data);
