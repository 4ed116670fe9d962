/*
 * window.c: much data at once, through memory of the vault's that a client maps. A window is a client's of the manifest, so a request comes through a capability of
 * an offer, and the key's capability is sent along: who is lent a key works on memory of its own, never on that of the one who lent it.
 *
 * Invariant W1: what is worked on is a copy that nobody else reaches, taken once. A client that changes its window meanwhile has what it had before or after, and
 * nothing that was not authentic.
 */
#include "keys.h"
#include "random.h"
#include "request.h"

#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/crypto_sign_ed25519.h>

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES, SIGNATURE = crypto_sign_ed25519_BYTES, PIECE = 65536, MOST_ASSOCIATED = 904 };
#define WINDOW_BYTES (2UL << 20)
_Static_assert(SLOT_WINDOWS + CLIENTS <= 256, "all slots are there");

static bool has_window[CLIENTS];
/* Bytes of `from` that the request has filled. */
static size_t used;
static uint8_t from[PIECE + NONCE + TAG], to[PIECE + NONCE + TAG], associated[MOST_ASSOCIATED];

static uint8_t *window_of(uint32_t client) { return (uint8_t *)(BW_ADDRESS_OWN + (uint64_t)(client - 1) * WINDOW_BYTES); }

uint32_t do_window(struct bw_request *r) {
    const uint32_t client = find_client(r->badge, MAY_KEYS);
    if (client == 0) return VAULT_E_NOT_ALLOWED;
    const bw_cptr slot = SLOT_WINDOWS + client - 1;
    if (!has_window[client - 1]) {
        if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, slot) != 0) return VAULT_E_FULL;
        if (bw_frame_map(slot, (uint64_t)window_of(client), BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) {
            (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
            return VAULT_E_FULL;
        }
        has_window[client - 1] = true;
    }
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    if (bw_cnode_copy(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, slot, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return VAULT_E_FULL;
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    return 0;
}

static bool is_inside(uint64_t at, uint64_t count) { return at <= WINDOW_BYTES && count <= WINDOW_BYTES - at; }

/* The key that was sent along, if it has this right, and the bytes of the window in `from`; or a refusal. */
static uint32_t begin(struct bw_request *r, uint32_t right, uint64_t most, uint32_t *client, struct key **key) {
    const uint64_t badge = bw_ipc()->caps[0];
    *client = find_client(r->badge, MAY_KEYS);
    if (*client == 0) return VAULT_E_NOT_ALLOWED;
    if (r->caps != 1 || r->unwrapped != 1) return VAULT_E_NO_CAPABILITY;
    const struct handle *handle = find_handle(badge);
    if (handle == NULL) return find_client(badge, 0) != 0 ? VAULT_E_NO_CAPABILITY : VAULT_E_GONE;
    if ((handle->rights & right) == 0) return VAULT_E_NOT_ALLOWED;
    if (!has_window[*client - 1] || r->w[1] > most || !is_inside(r->w[0], r->w[1])) return VAULT_E_BAD_REQUEST;
    *key = handle->key;
    used = r->w[1];
    memcpy(from, window_of(*client) + r->w[0], used);
    return 0;
}

/* What was made into the window, and how much that is. */
static uint32_t end(struct bw_request *r, uint32_t client, uint64_t at, uint64_t count) {
    memcpy(window_of(client) + at, to, count);
    r->w[0] = count;
    r->answer_length = 1;
    return 0;
}

static uint32_t wiped(uint32_t label) {
    sodium_memzero(from, used);
    sodium_memzero(to, used < PIECE ? used + NONCE + TAG : sizeof to);
    wipe_stack();
    return label;
}

uint32_t do_seal_window(struct bw_request *r) {
    struct key *key = NULL;
    uint32_t client = 0;
    unsigned long long count = 0;
    const uint64_t at = r->w[2], vouched = r->w[3];
    const uint32_t refusal = begin(r, KEY_SEAL, PIECE, &client, &key);
    if (refusal != 0) return refusal;
    if (!is_inside(at, used + NONCE + TAG) || !take_bytes(r, 4, vouched, associated, sizeof associated)) return wiped(VAULT_E_BAD_REQUEST);
    random_bytes(to, NONCE);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(to + NONCE, &count, from, used, associated, vouched, NULL, to, key->bytes);
    return wiped(end(r, client, at, NONCE + count));
}

uint32_t do_unseal_window(struct bw_request *r) {
    struct key *key = NULL;
    uint32_t client = 0;
    unsigned long long count = 0;
    const uint64_t at = r->w[2], vouched = r->w[3];
    const uint32_t refusal = begin(r, KEY_UNSEAL, PIECE + NONCE + TAG, &client, &key);
    if (refusal != 0) return refusal;
    if (!is_inside(at, used) || !take_bytes(r, 4, vouched, associated, sizeof associated)) return wiped(VAULT_E_BAD_REQUEST);
    if (used < NONCE + TAG) return wiped(VAULT_E_NOT_AUTHENTIC);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(to, &count, NULL, from + NONCE, used - NONCE, associated, vouched, from, key->bytes) != 0) return wiped(VAULT_E_NOT_AUTHENTIC);
    return wiped(end(r, client, at, count));
}

uint32_t do_sign_window(struct bw_request *r) {
    struct key *key = NULL;
    uint32_t client = 0;
    uint8_t signature[SIGNATURE];
    const uint32_t refusal = begin(r, KEY_SIGN, PIECE, &client, &key);
    if (refusal != 0) return refusal;
    (void)crypto_sign_ed25519_detached(signature, NULL, from, used, key->bytes);
    answer_bytes(r, 0, signature, SIGNATURE);
    return wiped(0);
}
