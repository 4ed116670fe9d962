/*
 * patterns/petnames.h: a program's own names for the capabilities that it holds, so that its user knows which is which, whatever others call them.
 *
 *   N1  One to one: a petname belongs to one capability, and a capability (by Discrim's `same`: object and badge) has one petname.
 *   N2  What a capability calls itself, or somebody calls it (its nickname), is kept apart and is never taken for a petname.
 *   N3  Two petnames never look alike: their skeletons differ.
 *
 * A petname is 1 to 32 bytes, ' ' to '~', without spaces at its ends or two in a row. Its skeleton, what the eye sees at a glance: capitals as small letters; 0 as o;
 * 1, l, i, | and ! as one; 5 and $ as s; 2 as z; 8 as b; 6 and 9 as g; rn as m, vv as w, cl as d; without spaces, '-', '_', '.', ',', ''', '`', ':' and ';'. One without a skeleton is refused.
 * Other scripts have look-alikes without end, and are refused altogether.
 * Source: Stiegler, "An Introduction to Petname Systems" (2005); the rule is a small one after Unicode TS 39, "Confusable Detection".
 */
#pragma once
#include <stdbool.h>

#include <bailiwick/syscall.h>

#define BW_PETNAME_MOST 32U
#define BW_NICKNAME_MOST 64U

struct bw_named {
    /* 0: free. The capability's slot; it stays there as long as the name does. */
    bw_cptr cap;
    char petname[BW_PETNAME_MOST + 1];
    /* As it was given, cut; shown, never looked up. */
    char nickname[BW_NICKNAME_MOST + 1];
};

struct bw_petnames {
    struct bw_named *named;
    uint32_t count;
};

enum bw_petname_refusal {
    BW_PETNAME_DONE,
    BW_PETNAME_BAD_NAME,
    /* Another capability has this very name; a name that looks like it. */
    BW_PETNAME_TAKEN,
    BW_PETNAME_LOOK_ALIKE,
    /* The capability has a name. */
    BW_PETNAME_HAS_ONE,
    /* No such capability, no such name. */
    BW_PETNAME_NOTHING,
    BW_PETNAME_FULL,
};

/* nickname: NULL for none. in_the_way: what stands in the way, where that is another name; may be NULL. */
enum bw_petname_refusal bw_petname_add(struct bw_petnames *names, const char *petname, bw_cptr cap, const char *nickname, const struct bw_named **in_the_way);
enum bw_petname_refusal bw_petname_rename(struct bw_petnames *names, const char *petname, const char *to, const struct bw_named **in_the_way);
/* False: there is none. The capability stays in its slot. */
bool bw_petname_remove(struct bw_petnames *names, const char *petname);

/* What has exactly this name; NULL: nothing. */
const struct bw_named *bw_petname_find(const struct bw_petnames *names, const char *petname);
/* What this capability is called here, whatever it calls itself; NULL: nothing. */
const struct bw_named *bw_petname_of(const struct bw_petnames *names, bw_cptr cap);
/* Whose petname this text looks like: of a nickname that somebody claims, before it is shown. NULL: nobody's. */
const struct bw_named *bw_petname_like(const struct bw_petnames *names, const char *text);
