/*
 * grants.h: what was given to whom. The powerbox keeps a copy of each capability that it lent: closing that one ends the other, with all that was made of it
 * (File.lend). Invariant P5: what all grants may make fits into the 64 capabilities that the file server lets the powerbox have, so none keeps another from being made.
 */
#pragma once
#include <bailiwick.h>
#include <stdbool.h>

enum { PATH_TEXT = 96 };

/* There is a place for one more of this kind. */
bool grant_has_room(uint32_t kind);
/* Lends `node` to the client: 0 and its capability in *cap, or a refusal of the file server's. path: as the operator is shown it, less than PATH_TEXT bytes. */
uint32_t grant_make(bw_cptr node, uint64_t client, uint32_t rights, uint32_t kind, const char *path, bw_cptr *cap);
/* The newest one was not taken, and ends. */
void grant_undo(bw_cptr cap);
void grants_show(void);
/* The one with this number in what is shown. False: there is none. */
bool grant_take_back(uint64_t number);
