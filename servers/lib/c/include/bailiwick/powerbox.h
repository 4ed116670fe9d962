/*
 * powerbox.h: a client of the powerbox: a program that has no file asks the operator for one. Results are 0, the protocol's POWERBOX_E_...
 * (<bailiwick/powerbox-protocol.h>), or BW_FILE_GONE: there is no powerbox. What comes is used with <bailiwick/file.h>.
 */
#pragma once
#include <stdbool.h>

#include <bailiwick/file.h>

struct bw_powerbox_wish {
    /* Any of BW_FILE_READ, BW_FILE_WRITE, BW_FILE_APPEND. */
    uint32_t rights;
    /* BW_KIND_OF_FILE or BW_KIND_OF_DIRECTORY; a new one may be made. */
    uint32_t kind;
    bool make;
    /* Shown to the operator as the program's words: up to 400 bytes, and a name of up to 64. NULL: none. */
    const char *purpose, *name;
};

struct bw_powerbox_grant {
    /* What the operator gave of the rights asked for. */
    uint32_t rights;
    /* It was made for this. */
    bool made;
};

/*
 * Waits until the operator has decided, as long as that takes. 0: the capability is in the empty `slot`, until the operator takes it back or bw_file_close gives it
 * back. grant: may be NULL. This thread's receive slots are as before afterwards.
 */
uint32_t bw_powerbox_ask(bw_cptr powerbox, const struct bw_powerbox_wish *wish, bw_cptr slot, struct bw_powerbox_grant *grant);
