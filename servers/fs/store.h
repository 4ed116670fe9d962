/*
 * store.h: directories and files by number, on a volume that may end at any write. There is one store in a program, as SQLite has one heap.
 *
 * - Every operation is done whole or not at all, also across the loss of power. What it refuses (STORE_NOT_FOUND .. STORE_READ_ONLY) has changed nothing.
 * - Changes are held back and written together. store_sync makes all that came before it last. Without it they may last earlier, always in their order.
 * - STORE_DEVICE, STORE_CORRUPT and STORE_NO_MEMORY can take with them what was not synced, of everybody: store_losses then counts one more. The store
 *   goes on with what is on the volume; the next operation opens that anew.
 * - An id never means another node than the one it was first given for: not after its removal, nor after a loss, nor after the loss of power.
 * - Nothing that is read from the volume is believed. What does not fit is STORE_CORRUPT.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "volume.h"

enum store_error {
    STORE_OK = 0,
    /* The caller's request. */
    STORE_NOT_FOUND,
    STORE_EXISTS,
    STORE_NOT_DIRECTORY,
    STORE_IS_DIRECTORY,
    STORE_NOT_EMPTY,
    /* Empty, longer than 255 bytes, "." or "..", or with '/' or NUL. */
    STORE_BAD_NAME,
    /* Larger than a limit, a directory beneath itself, deeper than STORE_DEPTH, the root removed. */
    STORE_BAD_REQUEST,
    STORE_NO_SPACE,
    STORE_QUOTA,
    STORE_READ_ONLY,
    /* The volume. */
    STORE_DEVICE,
    STORE_CORRUPT,
    /* Nobody has made a store on the volume. */
    STORE_NO_STORE,
    /* The heap that was given does not suffice. */
    STORE_NO_MEMORY,
};

enum store_kind { STORE_FILE = 1, STORE_DIRECTORY = 2 };

#define STORE_ROOT 1U
#define STORE_NAME 255U
/* Directories one in the other, the root among them. */
#define STORE_DEPTH 32U
/* Bytes of one read, write or append. */
#define STORE_PIECE 65536U
#define STORE_MOST_SIZE (1ULL << 40)
/* What a node counts against quotas, beside its size rounded up to STORE_CHUNK. Bytes that a file has without ever having been written count too. */
#define STORE_NODE_BYTES 1024U
#define STORE_CHUNK 4096U
#define STORE_LEAST_SECTORS 4104U
#define STORE_LEAST_HEAP (512U << 10)

/* Bytes with their length; not ended by NUL. */
struct store_name {
    const void *bytes;
    size_t length;
};

struct store_status {
    uint64_t id;
    enum store_kind kind;
    /* A file's bytes; 0 for a directory. */
    uint64_t size;
};

struct store_entry {
    uint64_t id;
    enum store_kind kind;
    uint64_t size;
    uint8_t length;
    uint8_t name[STORE_NAME];
};

struct store_usage {
    /* Of the directory and all under it. */
    uint64_t bytes;
    /* 0: none. */
    uint64_t quota;
};

struct store_space {
    uint64_t total, free;
};

struct store_statistics {
    uint64_t commits;
    uint64_t sectors_read, sectors_written, flushes;
    /* The most bytes of the heap that were ever in use. */
    uint64_t heap;
    /* Times that the store was opened anew after a failure. */
    uint64_t reopened;
};

/* Whether a rename takes the place of a file that has the new name. */
enum store_replace { STORE_KEEP = 0, STORE_REPLACE = 1 };

/* The life of a store. The volume's functions are called until store_close; `heap` belongs to the store until then, aligned to 16. */

/* Makes an empty store; what was on the volume is gone. The store is closed afterwards. */
enum store_error store_format(const struct volume *volume, void *heap, size_t heap_bytes);
enum store_error store_open(const struct volume *volume, void *heap, size_t heap_bytes);
/* Syncs. Its error is that of the sync; the store is closed in any case. */
enum store_error store_close(void);

/* Nodes. */

enum store_error store_stat(uint64_t id, struct store_status *status);
enum store_error store_lookup(uint64_t parent, struct store_name name, struct store_status *status);
enum store_error store_create(uint64_t parent, struct store_name name, enum store_kind kind, uint64_t *id);
/* A directory must be empty. */
enum store_error store_remove(uint64_t parent, struct store_name name);
/* A file may take a file's place (STORE_REPLACE); nothing takes a directory's. To its own place and name: nothing happens. */
enum store_error store_rename(uint64_t parent, struct store_name name, uint64_t new_parent, struct store_name new_name, enum store_replace replace);
/* The next entries by their names' bytes, after `after` (length 0: from the first); *count is what there was room for, 0 at the end. */
enum store_error store_list(uint64_t directory, struct store_name after, struct store_entry *entries, size_t room, size_t *count);

/* What files hold. */

/* *done is less than `count` at the file's end. */
enum store_error store_read(uint64_t id, uint64_t offset, void *bytes, size_t count, size_t *done);
/* All of it or nothing. Between the old end and `offset` there are zeros. */
enum store_error store_write(uint64_t id, uint64_t offset, const void *bytes, size_t count);
enum store_error store_append(uint64_t id, const void *bytes, size_t count, uint64_t *offset);
enum store_error store_truncate(uint64_t id, uint64_t size);

/* When changes last. */

enum store_error store_sync(void);
/* When there is nothing else to do: syncs, then frees a piece of what removed files held. *more: it is worth calling again. */
enum store_error store_idle(bool *more);
/* How often changes that were not synced were lost. A client whose change came before a loss must be told so at its next sync. */
uint64_t store_losses(void);

/* Accounts. */

enum store_error store_usage(uint64_t directory, struct store_usage *usage);
/* 0: none. May be less than what is in use: then nothing is added. */
enum store_error store_set_quota(uint64_t directory, uint64_t bytes);
/* From now on, and beside quotas: what would make this directory and all under it take more than `bytes` is STORE_QUOTA. 0: none. It is for whom the next operations are, and is not on the volume. */
void store_limit(uint64_t directory, uint64_t bytes);
enum store_error store_space(struct store_space *space);
void store_statistics(struct store_statistics *statistics);
/* Looks through all of the store, after a sync: STORE_OK or STORE_CORRUPT. It takes long. `what`, of `room` bytes: words about the first thing found. */
enum store_error store_check(char *what, size_t room);
