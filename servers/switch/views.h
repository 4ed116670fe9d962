/*
 * views.h: what badges name: a port, under the rules of all the capabilities that this one was made from.
 *
 * Invariants
 *   N1  A badge that was given never names anything else: places are used again, with another number.
 *   N2  A port has at most VIEWS_EACH capabilities made from the manifest's, whoever made them: nobody uses up another port's.
 *   N3  A view allows what its own policy and those of all it was made from allow (F4), and all their rates count.
 *   N4  A client of the manifest that has a quota has it once for each port, through all the capabilities that were made from its own.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/rate.h>

#include "rules.h"

enum { OFFERS = 16, PORTS = 12, UPLINKS = 2, PLACES = PORTS + UPLINKS, VIEWS_EACH = 8, VIEWS = OFFERS + PORTS * VIEWS_EACH, VIEW_DEPTH = 4 };

/* Frames and bytes a second, each way. */
struct rates {
    struct bw_rate frames[DIRECTIONS], bytes[DIRECTIONS];
};

struct view {
    bool used;
    uint64_t times;
    /* Whose it is, 0..PORTS - 1. */
    uint32_t port;
    /* What it was made from; NULL for the manifest's. How many there are above it. */
    struct view *above;
    uint32_t depth;
    /* Of the whole chain. */
    bool any_mac, isolated, rated;
    struct policy policy;
    struct rates rates;
    /* What its client may have by the manifest's quota; NULL: that sets it no limit. Of the manifest's views: the client that had the port last. */
    struct rates *quota;
};

/* The ports of the manifest's offers. NULL, or what is wrong. */
const char *views_begin(uint32_t *ports);
/* The name of a port, as the manifest says it; its first view. */
const char *view_name(uint32_t port);
struct view *view_of_port(uint32_t port);

/* NULL: the badge names no port. */
struct view *view_of(uint64_t badge);
/* An offer whose client may look at counters. */
bool is_monitor(uint64_t badge);
/* The capability with this badge is being used: whose quota counts for a view of the manifest's. */
void view_used(struct view *view, uint64_t badge);
/* Makes one under `above`, which is named by `badge`, and says its own badge; 0: there are too many. */
uint64_t view_make(struct view *above, uint64_t badge, const struct policy *policy);
/* It and all under it. False: it is the manifest's. */
bool view_close(struct view *view);
bool view_is_under(const struct view *view, const struct view *above);

/* Whether its client's quota lets a frame of so many bytes go now; then it is charged. False: it will at `due`. */
bool view_may_send(struct view *view, uint32_t bytes, uint64_t *due);
/* What its policies say, and its rates, and of what is received the quota: those are charged when it passes. */
enum verdict view_check(struct view *view, enum direction direction, const uint8_t *frame, uint32_t bytes, uint64_t own);
