/*
 * keys.h: the tables behind badges. A badge is either the manifest's, of an offer, or one that was minted for a handle: its number and how often that place was
 * used before, so that a capability that was closed never names another key. A handle is a key and what may be done with it.
 *
 * Invariants
 *   K1  A key's bytes are in its entry and nowhere else when a request is answered, not even on the stack; they are wiped when its last handle goes.
 *   K2  A handle has no right that the one it was made from has not, and none that a key of its kind has no use for.
 *   K3  Keys and handles are charged to the client of the manifest that they come from, whatever capability it used. The share of each is its own: so nobody uses
 *       up, or can tell, what others have.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { CLIENTS = 16, OFFERS = 16, KEYS_EACH = 16, HANDLES_EACH = 32, SECRET_BYTES = 32, PUBLIC_BYTES = 32 };
enum { KEY_NONE = 0, KEY_SYMMETRIC = 1, KEY_SIGNING = 2 };
/* Rights of a key's capability, as the protocol has them. */
enum { KEY_SEAL = 1, KEY_UNSEAL = 2, KEY_SIGN = 4, KEY_VERIFY = 8, KEY_DERIVE = 16, KEY_DESTROY = 32 };
/* What a capability of an offer may do: make keys; seal and unseal capabilities; have statements. */
enum { MAY_KEYS = 1, MAY_CAPABILITIES = 2, MAY_ATTEST = 4 };

struct key {
    uint32_t kind;
    uint32_t handles;
    /* SECRET_BYTES of a symmetric key; of a signing one those of its seed, and the public key. */
    uint8_t bytes[SECRET_BYTES + PUBLIC_BYTES];
};

struct handle {
    struct key *key;
    uint32_t rights;
    /* Times that this place was given out. */
    uint32_t times;
};

struct client {
    struct key keys[KEYS_EACH];
    struct handle handles[HANDLES_EACH];
};

extern struct client clients[CLIENTS];
/* MAY_... of each offer; those that the manifest does not have are 0. */
extern uint32_t offers[OFFERS];

/* NULL: this badge was minted for no handle that is still there. */
struct handle *find_handle(uint64_t badge);
struct client *client_of_handle(const struct handle *handle);
/* The number, from 1, of the client of the manifest with this badge if it is an offer's with these rights; 0: it is not. */
uint32_t find_client(uint64_t badge, uint32_t may);

/* A new key with a handle on it, of these secret bytes; the badge, or 0: the client has all it may have. */
uint64_t make_key(struct client *client, uint32_t kind, uint32_t rights, const uint8_t secret[SECRET_BYTES]);
/* Another handle on that key, with no more rights; the badge, or 0. */
uint64_t make_handle(struct client *client, struct key *key, uint32_t rights);
uint32_t rights_of_kind(uint32_t kind);
/* The handle goes; with the last of them the key. */
void close_handle(struct handle *handle);
/* All of the key's handles go. */
void destroy_key(struct client *client, struct key *key);
