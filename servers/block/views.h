/* views.h: what badges name: parts of the disk, the manifest's and those that clients made of them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* A part of the disk, in sectors. */
struct view {
    uint64_t first, sectors;
    bool read_only;
    /* Of a restricted one, the badge of the capability it was made from, and the manifest's above all: whose quota it uses up. */
    uint64_t maker, origin;
};

/* The offers' parts, as the arguments say. False: one is not on the disk. */
bool views_begin(uint64_t sectors, bool read_only);
/* NULL: a badge that was never given. */
const struct view *view_of(uint64_t badge);
/* The manifest's badge behind one that was given. */
uint64_t view_origin(uint64_t badge);
/* The badge of less of what `maker` names, which lies within it; 0: there are too many. */
uint64_t view_restrict(uint64_t maker, uint64_t first, uint64_t count, bool read_only);
