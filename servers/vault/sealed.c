/*
 * sealed.c: capabilities as bytes. The capability stays here, in a slot; the bytes say which, for whom and until when, under a key that ends with this vault. So
 * they are worth nothing to anybody else, and nothing when the capability is gone.
 *
 * Invariants
 *   C1  A capability is given to the client that it was sealed for, before it expires, and to nobody else. Who is told anything but "not authentic" has whole bytes
 *       of this vault; who is told whether they are still good is the one they are for.
 *   C2  The share of each client is kept for it (K3). What has expired, or whose object is gone, holds no place.
 */
#include "keys.h"
#include "random.h"
#include "request.h"

#include <bailiwick/timer.h>
#include <sodium/crypto_aead_xchacha20poly1305.h>

BW_USE_OPTIONAL(timer);

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES, SEALED_EACH = 16, NAME_MOST = 64 };

/* Its capability is in slot SLOT_SEALED + its index, or is one to a key of this vault. owner 0: free. */
static struct entry {
    uint32_t owner;
    uint64_t serial;
    uint64_t expiry;
    /* Of the key's handle; 0: it is no key. */
    uint64_t badge;
} entries[SEALED];
static uint32_t each = SEALED_EACH;
static uint64_t last_serial;
static uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];

/* What is inside the bytes. */
struct token {
    uint64_t serial;
    uint64_t expiry;
    uint32_t place;
    uint32_t audience;
};
struct sealed {
    uint8_t nonce[NONCE];
    uint8_t rest[sizeof(struct token) + TAG];
};
_Static_assert(sizeof(struct token) == 24 && sizeof(struct sealed) == 64, "as the protocol says");

void sealed_begin(uint32_t count_of_clients) {
    if (count_of_clients > 0 && SEALED / count_of_clients < each) each = SEALED / count_of_clients;
    random_bytes(key, sizeof key);
}

/* 0: there is no clock that tells. */
static uint64_t now(void) {
    if (bw_use_timer.cap == 0) return 0;
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0 ? m.w[0] : 0;
}

/* Without a clock nothing that ends is given out. */
static bool is_over(uint64_t expiry) {
    if (expiry == 0) return false;
    const uint64_t time = now();
    return time == 0 || time >= expiry;
}

static bw_cptr slot_of(const struct entry *e) { return SLOT_SEALED + (bw_cptr)(e - entries); }

static void forget(struct entry *e) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot_of(e));
    *e = (struct entry){0};
}

static bool is_there(const struct entry *e) {
    uint32_t kind = 0, rights = 0;
    if (e->badge != 0) return find_handle(e->badge) != NULL;
    return bw_discrim_classify(BW_SLOT_DISCRIM, slot_of(e), &kind, &rights) == 0 && kind != BW_KIND_NULL;
}

/* C2. NULL: this client has all it may have. */
static struct entry *place_for(uint32_t owner) {
    struct entry *free = NULL;
    uint32_t has = 0;
    for (uint32_t i = 0; i < SEALED; i++) {
        struct entry *e = &entries[i];
        if (e->owner == owner && (!is_there(e) || is_over(e->expiry))) forget(e);
        if (e->owner == 0) free = free == NULL ? e : free;
        else has += e->owner == owner;
    }
    return has < each ? free : NULL;
}

/* The number of the manifest's client of this name; 0: there is none. */
static uint32_t client_named(const char *name) {
    for (uint32_t client = 1; client <= CLIENTS; client++) {
        for (uint32_t offer = 0; offer < OFFERS && bw_offer(offer) != NULL; offer++) {
            const char *known = bw_client((uint64_t)offer << 16 | client);
            if (known != NULL && strcmp(known, name) == 0) return client;
        }
    }
    return 0;
}

uint32_t do_seal_capability(struct bw_request *r) {
    /* Gone with the next call: the badge of a capability to this vault, which took no slot. */
    const uint64_t own = bw_ipc()->caps[0], expiry = r->w[0], count = r->w[1];
    char name[NAME_MOST + 1] = "";
    const uint32_t owner = find_client(r->badge, MAY_CAPABILITIES);
    if (owner == 0) return VAULT_E_NOT_ALLOWED;
    if (!take_bytes(r, 2, count, (uint8_t *)name, NAME_MOST)) return VAULT_E_BAD_REQUEST;
    if (r->caps != 1) return VAULT_E_NO_CAPABILITY;
    const bool is_own = r->unwrapped != 0;
    /* A capability of an offer is a client's name for itself: it is not handed on so. */
    if (is_own && find_handle(own) == NULL) return VAULT_E_NO_CAPABILITY;
    const uint32_t audience = client_named(name);
    if (audience == 0) return VAULT_E_UNKNOWN_CLIENT;
    if (expiry != 0 && now() == 0) return VAULT_E_NO_CLOCK;
    struct entry *e = place_for(owner);
    if (e == NULL) return VAULT_E_FULL;
    if (!is_own && bw_cnode_move(BW_SLOT_CNODE, slot_of(e), BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return VAULT_E_NO_CAPABILITY;
    *e = (struct entry){.owner = owner, .serial = ++last_serial, .expiry = expiry, .badge = is_own ? own : 0};
    const struct token token = {.serial = e->serial, .expiry = expiry, .place = (uint32_t)(e - entries), .audience = audience};
    struct sealed sealed;
    random_bytes(sealed.nonce, NONCE);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.rest, NULL, (const uint8_t *)&token, sizeof token, NULL, 0, NULL, sealed.nonce, key);
    answer_bytes(r, 0, &sealed, sizeof sealed);
    return 0;
}

/* The token in a request's bytes; false: they are none that this vault has made. */
static bool open_token(struct bw_request *r, struct token *token) {
    struct sealed sealed;
    if (r->w[0] != sizeof sealed || !take_bytes(r, 1, r->w[0], (uint8_t *)&sealed, sizeof sealed)) return false;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *)token, NULL, NULL, sealed.rest, sizeof sealed.rest, NULL, 0, sealed.nonce, key) != 0) return false;
    return token->place < SEALED;
}

static struct entry *entry_of(const struct token *token) {
    struct entry *e = &entries[token->place];
    return e->owner != 0 && e->serial == token->serial ? e : NULL;
}

uint32_t do_unseal_capability(struct bw_request *r) {
    struct token token;
    const uint32_t client = find_client(r->badge, MAY_CAPABILITIES);
    if (client == 0) return VAULT_E_NOT_ALLOWED;
    if (!open_token(r, &token)) return VAULT_E_NOT_AUTHENTIC;
    if (token.audience != client) return VAULT_E_NOT_FOR_YOU;
    if (is_over(token.expiry)) return VAULT_E_EXPIRED;
    const struct entry *e = entry_of(&token);
    if (e == NULL || !is_there(e)) return VAULT_E_GONE;
    if (e->badge != 0) return answer_capability(r, e->badge) ? 0 : VAULT_E_FULL;
    bw_ipc()->caps[r->answer_caps++] = slot_of(e);
    return 0;
}

uint32_t do_forget_capability(struct bw_request *r) {
    struct token token;
    const uint32_t client = find_client(r->badge, MAY_CAPABILITIES);
    if (client == 0) return VAULT_E_NOT_ALLOWED;
    if (!open_token(r, &token)) return VAULT_E_NOT_AUTHENTIC;
    struct entry *e = entry_of(&token);
    /* To others it is as if it were gone. */
    if (e == NULL || e->owner != client) return VAULT_E_GONE;
    forget(e);
    return 0;
}
