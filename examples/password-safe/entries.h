/*
 * entries.h: what the safe keeps. Each entry is a file, named after its site, that the vault has sealed; whoever has the disk sees sites and lengths, and nothing else.
 *
 *   E1  A password stands in this program's memory only while it is used: who takes one with entry_open gives it back to entry_wipe.
 *   E2  What is read from the disk is believed only if the vault has sealed it, for this very site.
 *   E3  An entry is there whole, the old one or the new.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENTRIES = 32, SITE_MOST = 23, USER_MOST = 63, PASSWORD_MOST = 63 };

struct entry {
    char site[SITE_MOST + 1];
    char user[USER_MOST + 1];
};
struct secret {
    char text[PASSWORD_MOST + 1];
};

/* Gets the key and reads what there is. NULL, or what is wrong. */
const char *entries_begin(void);
/* The index'th by name; NULL: there are no more. */
const struct entry *entry_at(uint32_t index);
const struct entry *entry_of(const char *site);
/* NULL, or what is wrong; then the one before is there still. */
const char *entry_put(const char *site, const char *user, const struct secret *secret);
const char *entry_remove(const char *site);
/* False: the disk does not give what was sealed. */
bool entry_open(const struct entry *entry, struct secret *secret);
void entry_wipe(struct secret *secret);
/* 120 random bits as text. */
bool entry_invent(struct secret *secret);
