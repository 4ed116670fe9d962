/*
 * layout.h: where things are on the volume. A header, twice, each in a sector of its own; then a region for SQLite's journal, then one for its database.
 * All numbers are little-endian; README.md has the format.
 */
#pragma once
#include "store.h"

struct region {
    uint64_t first, sectors;
};

struct layout {
    struct region journal, database;
};

/* How a volume is laid out. STORE_BAD_REQUEST: it is too small. */
enum store_error layout_of(const struct volume *volume, struct layout *layout);
/* STORE_NO_STORE: neither header is one. STORE_CORRUPT: there is what was a header, or it does not fit the volume. */
enum store_error layout_read(const struct volume *volume, struct layout *layout);
enum store_error layout_write(const struct volume *volume, const struct layout *layout);
/* After this, and until layout_write, there is no store. */
enum store_error layout_erase(const struct volume *volume);
