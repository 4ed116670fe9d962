/*
 * vfs.h: the volume as SQLite's file system, of two files: the database and its journal.
 *
 * Neither region has a length of its own on the volume. The database's is what its header says and what was written since; the journal is always as
 * long as its region, and what was left in it from before is told apart by SQLite's own counts and checksums.
 */
#pragma once
#include <sqlite3.h>

#include "layout.h"

#define VFS_NAME "volume"
#define VFS_DATABASE "store"
#define VFS_PAGE 4096U

/* From here on SQLite's files are on this volume, which is kept, as is; what was not yet written of a journal is forgotten. */
enum store_error vfs_use(const struct volume *volume, const struct layout *layout);
/* Makes both files empty: their first sectors are overwritten. */
enum store_error vfs_erase(void);
/* A transaction begins: what the journal holds counts from here. */
void vfs_journal_begin(void);
/* The journal is more than half full. The other half is for the operation that made it so, and for the next. */
bool vfs_journal_is_full(void);
