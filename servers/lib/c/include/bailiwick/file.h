/*
 * file.h: a client of the file server. A capability is a file or a directory; a name is one component, never a path. Results are 0, the protocol's FILE_E_...
 * (<bailiwick/file-protocol.h>), or BW_FILE_GONE: the server has ended, or the capability is none of its.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

enum { BW_FILE_READ = 1, BW_FILE_WRITE = 2, BW_FILE_APPEND = 4, BW_FILE_QUOTA = 8, BW_FILE_ALL = 15 };
/* What to do when the name is not there; BW_MAKE_ONLY more: it must not be there. */
enum { BW_MAKE_NOTHING = 0, BW_MAKE_FILE = 1, BW_MAKE_DIRECTORY = 2, BW_MAKE_ONLY = 4 };
enum { BW_KIND_OF_FILE = 1, BW_KIND_OF_DIRECTORY = 2 };
#define BW_FILE_GONE UINT32_MAX
/* Bytes that go with one message; more go with several, or through the window. */
#define BW_FILE_PIECE 936U

struct bw_file_info {
    uint32_t kind;
    uint32_t rights;
    uint64_t bytes;
};

struct bw_file_entry {
    uint32_t kind;
    uint64_t bytes;
    char name[256];
};

/* The node of this name, its capability into the empty `slot`. info: may be NULL. */
uint32_t bw_file_open(bw_cptr directory, const char *name, uint32_t rights, uint32_t make, bw_cptr slot, struct bw_file_info *info);
uint32_t bw_file_restrict(bw_cptr file, uint32_t rights, bw_cptr slot);
/* As restrict, to be handed on: at most `most` (0..63) are made from it, and all of them end when a copy of it is closed. */
uint32_t bw_file_lend(bw_cptr file, uint32_t rights, uint32_t most, bw_cptr slot);
/* The capability ends, wherever its copies are; the slot is emptied. */
uint32_t bw_file_close(bw_cptr file);
uint32_t bw_file_info(bw_cptr file, struct bw_file_info *info);
/* Any number of bytes, in pieces. *done: as many as there were; a refusal may come after some of them. */
uint32_t bw_file_read(bw_cptr file, uint64_t offset, void *bytes, size_t count, size_t *done);
uint32_t bw_file_write(bw_cptr file, uint64_t offset, const void *bytes, size_t count);
/* At most BW_FILE_PIECE bytes: whole or not at all. offset: may be NULL. */
uint32_t bw_file_append(bw_cptr file, const void *bytes, size_t count, uint64_t *offset);
uint32_t bw_file_truncate(bw_cptr file, uint64_t bytes);
uint32_t bw_file_sync(bw_cptr file);
uint32_t bw_file_remove(bw_cptr directory, const char *name);
/* to: another directory of the same server, 0 for the same one. replace: a file of the new name is gone. */
uint32_t bw_file_rename(bw_cptr directory, const char *name, bw_cptr to, const char *new_name, bool replace);
/* The entry that comes after `after` ("": the first); FILE_E_NOT_FOUND at the end. */
uint32_t bw_file_next(bw_cptr directory, const char *after, struct bw_file_entry *entry);
/* The client's window of 2 MiB: its capability into the empty `slot`, mapped at `address`, a multiple of 2 MiB. */
uint32_t bw_file_window(bw_cptr file, bw_cptr slot, uint64_t address);
/* Up to 65536 bytes between the file and the window at `at`. */
uint32_t bw_file_read_window(bw_cptr file, uint64_t offset, uint32_t count, uint32_t at, size_t *done);
uint32_t bw_file_write_window(bw_cptr file, uint64_t offset, uint32_t count, uint32_t at);
