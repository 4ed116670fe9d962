/*
 * place.h: where in its directory the dialog is: a path of names from the powerbox's own, and the entries of one page as they were shown. Invariant P2: there is
 * no way above the powerbox's directory, since the file server has none; a name is one component.
 */
#pragma once
#include <bailiwick.h>
#include <bailiwick/file.h>

enum { PAGE = 10 };

/* Results are the file client's (<bailiwick/file.h>). After one that is not 0 the place is where it was, or at the beginning. */

/* Begins at the powerbox's own directory, without a look at what is there. *rights: what it has of it. */
uint32_t place_begin(uint32_t *rights);
uint32_t place_enter(const char *name);
/* FILE_E_NOT_FOUND: there is nothing above. */
uint32_t place_up(void);
/* The next page, or the first one again behind the last. */
uint32_t place_more(void);
/* The page anew, from where it begins. */
uint32_t place_look(void);
void place_end(void);
bw_cptr place_directory(void);
/* The entry with this number on the page, from 1; NULL: there is none. */
const struct bw_file_entry *place_entry(uint64_t number);
/* The page, for the operator. */
void place_show(void);
/* The path of `name` here ("": of the place itself), quoted, in at most `room` bytes. */
char *place_path(char *to, size_t room, const char *name);
