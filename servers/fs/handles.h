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

/* Something was changed that may be lost: since the last sync, when so many losses were counted. */
struct debt {
    bool changed;
    uint64_t losses;
};

struct handle {
    /* 0: free, or nobody's. */
    uint64_t node;
    uint32_t rights;
    /* Times that this one was given out; 0: an offer. */
    uint32_t times;
    /* The number, from 1, of the client's handle that it was made from; 0: from an offer. That one is never free. */
    uint32_t above;
    /* How many were made from it and from those. */
    uint32_t under;
    /* It is another program's: no window, `most` under it, a debt of its own, and what is under it ends with it. */
    bool lent;
    uint32_t most;
    struct debt debt;
};

struct client {
    /* The manifest's badge; 0: nobody yet. */
    uint64_t badge;
    struct debt debt;
    /* What the manifest lets it fill its offer's directory up to, in bytes, 0 for no limit; and whether that was looked up. */
    uint64_t quota;
    bool quota_known;
    bool has_window;
    struct handle handles[HANDLES_EACH];
};

extern struct client clients[CLIENTS];
/* What the offers name. */
extern struct handle offers[OFFERS];

/* What a badge names and whose it is. False: nothing, or not any more, or there are too many clients. */
bool find_handle(uint64_t badge, struct handle **handle, struct client **client);
/* The badge for a new handle of this client, made from that one; 0: it has all it may have, or what was lent has. */
uint64_t make_handle(struct client *client, const struct handle *from, uint64_t node, uint32_t rights);
/* As make_handle, to the same node: to be lent, with `most` that may be made from it. */
uint64_t lend_handle(struct client *client, const struct handle *from, uint32_t rights, uint32_t most);
/* What was made from it stays, unless it was lent. False: it is an offer, which nobody can close. */
bool close_handle(uint64_t badge);
/* It was lent, or made from one that was. */
bool is_lent(const struct client *client, const struct handle *handle);
/* Who is told when a change through this handle is lost. */
struct debt *debt_of(struct client *client, struct handle *handle);
/* What was not lost by now is on the disk, whosever it was. */
void settle_debts(uint64_t losses);
