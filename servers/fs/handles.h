/*
 * handles.h: what capabilities name. A badge is either the manifest's, of an offer, or one that was minted for a node: a handle's number and how often that
 * handle was used before, so that a capability that was closed never names another node.
 *
 * Clients are those of the manifest. What a client makes, and hands on to whomever, is charged to it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { CLIENTS = 16, OFFERS = 16, HANDLES_EACH = 64 };
enum { RIGHT_READ = 1, RIGHT_WRITE = 2, RIGHT_APPEND = 4, RIGHT_QUOTA = 8, ALL_RIGHTS = 15 };

struct handle {
    /* 0: free, or nobody's. */
    uint64_t node;
    uint32_t rights;
    /* Times that this one was given out. */
    uint32_t times;
};

struct client {
    /* The manifest's badge; 0: nobody yet. */
    uint64_t badge;
    /* It has changed something since its last sync, when so many losses were counted. */
    bool changed;
    uint64_t losses;
    bool has_window;
    struct handle handles[HANDLES_EACH];
};

extern struct client clients[CLIENTS];
/* What the offers name. */
extern struct handle offers[OFFERS];

/* What a badge names and whose it is. False: nothing, or not any more, or there are too many clients. */
bool find_handle(uint64_t badge, struct handle **handle, struct client **client);
/* The badge for a new handle of this client; 0: it has all it may have. */
uint64_t make_handle(struct client *client, uint64_t node, uint32_t rights);
/* False: it is an offer, which nobody can close. */
bool close_handle(uint64_t badge);
