/*
 * The vault: keys that never leave it, as capabilities; capabilities as bytes; statements of what runs. Protocol: protocol.ts; limits and behaviour: README.md.
 * The tables and their invariants: keys.h. Cryptography: libsodium's, all of it (sodium-*.c).
 */
#include "keys.h"
#include "platform.h"
#include "random.h"
#include "request.h"

#include <sodium/crypto_generichash_blake2b.h>
#include <sodium/crypto_kdf_blake2b.h>
#include <sodium/utils.h>

uint32_t handle_for(const struct bw_request *r, uint32_t right, struct handle **handle) {
    *handle = find_handle(r->badge);
    /* A capability of an offer is no key, and never was. */
    if (*handle == NULL) return find_client(r->badge, 0) != 0 ? VAULT_E_BAD_REQUEST : VAULT_E_GONE;
    return ((*handle)->rights & right) == right ? 0 : VAULT_E_NOT_ALLOWED;
}

bool answer_capability(struct bw_request *r, uint64_t badge) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY, badge) != 0) return false;
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    return true;
}

/* Answers with the capability to a handle that was made, and its rights. 0: there is no place for it. */
static uint32_t answer_handle(struct bw_request *r, uint64_t badge) {
    struct handle *handle = find_handle(badge);
    if (handle == NULL) return VAULT_E_FULL;
    if (!answer_capability(r, badge)) {
        close_handle(handle);
        return VAULT_E_FULL;
    }
    r->w[0] = handle->rights;
    r->answer_length = 1;
    return 0;
}

static uint32_t do_generate(struct bw_request *r) {
    uint8_t secret[SECRET_BYTES];
    const uint32_t client = find_client(r->badge, MAY_KEYS);
    if (client == 0) return VAULT_E_NOT_ALLOWED;
    if (r->w[0] != KEY_SYMMETRIC && r->w[0] != KEY_SIGNING) return VAULT_E_BAD_REQUEST;
    random_bytes(secret, sizeof secret);
    const uint64_t badge = make_key(&clients[client - 1], (uint32_t)r->w[0], (uint32_t)r->w[1], secret);
    sodium_memzero(secret, sizeof secret);
    wipe_stack();
    return answer_handle(r, badge);
}

/* A key that follows from another's bytes, for `client`. */
static uint32_t derive(struct bw_request *r, struct client *client, const uint8_t from[SECRET_BYTES]) {
    uint8_t secret[SECRET_BYTES];
    char context[crypto_kdf_blake2b_CONTEXTBYTES];
    _Static_assert(sizeof context == sizeof r->w[3] && SECRET_BYTES == crypto_kdf_blake2b_KEYBYTES, "a context is a word");
    if (r->w[0] != KEY_SYMMETRIC && r->w[0] != KEY_SIGNING) return VAULT_E_BAD_REQUEST;
    memcpy(context, &r->w[3], sizeof context);
    (void)crypto_kdf_blake2b_derive_from_key(secret, sizeof secret, r->w[2], context, from);
    const uint64_t badge = make_key(client, (uint32_t)r->w[0], (uint32_t)r->w[1], secret);
    sodium_memzero(secret, sizeof secret);
    wipe_stack();
    return answer_handle(r, badge);
}

static uint32_t do_derive(struct bw_request *r) {
    struct handle *handle;
    const uint32_t refusal = handle_for(r, KEY_DERIVE, &handle);
    if (refusal != 0) return refusal;
    return derive(r, client_of_handle(handle), handle->key->bytes);
}

/* Each client's keys are its own: its name in the manifest, which the chain's value covers, is in them. */
static uint32_t do_storage_key(struct bw_request *r) {
    uint8_t own[SECRET_BYTES];
    const uint32_t client = find_client(r->badge, MAY_KEYS);
    const char *name = bw_client(r->badge);
    if (client == 0 || name == NULL) return VAULT_E_NOT_ALLOWED;
    if (!has_secret) return VAULT_E_NO_PLATFORM;
    (void)crypto_generichash_blake2b(own, sizeof own, (const uint8_t *)name, strlen(name), storage_root, sizeof storage_root);
    const uint32_t label = derive(r, &clients[client - 1], own);
    sodium_memzero(own, sizeof own);
    return label;
}

static uint32_t do_info(struct bw_request *r) {
    struct handle *handle;
    const uint32_t refusal = handle_for(r, 0, &handle);
    if (refusal != 0) return refusal;
    r->w[0] = handle->key->kind, r->w[1] = handle->rights;
    r->answer_length = 2;
    return 0;
}

static uint32_t do_restrict(struct bw_request *r) {
    struct handle *handle;
    const uint32_t refusal = handle_for(r, 0, &handle);
    if (refusal != 0) return refusal;
    return answer_handle(r, make_handle(client_of_handle(handle), handle->key, handle->rights & (uint32_t)r->w[0]));
}

static uint32_t do_close(struct bw_request *r) {
    struct handle *handle;
    const uint32_t refusal = handle_for(r, 0, &handle);
    if (refusal != 0) return refusal;
    close_handle(handle);
    return 0;
}

static uint32_t do_destroy(struct bw_request *r) {
    struct handle *handle;
    const uint32_t refusal = handle_for(r, KEY_DESTROY, &handle);
    if (refusal != 0) return refusal;
    destroy_key(client_of_handle(handle), handle->key);
    return 0;
}

/* Of the manifest's args: OFFER.may. */
static bool read_offers(void) {
    for (uint32_t i = 0; i < OFFERS && bw_offer(i) != NULL; i++) {
        const char *may = bw_arg_in(bw_offer(i), "may");
        for (may = may == NULL ? "kca" : may; *may != 0; may++) {
            const uint32_t bit = *may == 'k' ? MAY_KEYS : *may == 'c' ? MAY_CAPABILITIES : *may == 'a' ? MAY_ATTEST : 0;
            if (bit == 0) return false;
            offers[i] |= bit;
        }
    }
    return true;
}

int main(void) {
    const uint32_t count = bw_clients();
    if (count > CLIENTS) {
        bw_log("too many clients: up to 16");
        return 1;
    }
    if (!read_offers()) {
        bw_log("args of an offer: may, letters of 'kca' (keys, capabilities, attestation)");
        return 1;
    }
    if (!random_begin()) {
        bw_log("the entropy server gives nothing: without random bytes there are no keys");
        return 1;
    }
    if (!platform_begin()) return 1;
    sealed_begin(count);
    wipe_stack();
    static const struct bw_method methods[] = {
        {.label = VAULT_GENERATE, .words = 2, .handle = do_generate},
        {.label = VAULT_STORAGE_KEY, .words = 4, .handle = do_storage_key},
        {.label = VAULT_RANDOM, .words = 1, .handle = do_random},
        {.label = VAULT_INFO, .words = 0, .handle = do_info},
        {.label = VAULT_RESTRICT, .words = 1, .handle = do_restrict},
        {.label = VAULT_CLOSE, .words = 0, .handle = do_close},
        {.label = VAULT_DESTROY, .words = 0, .handle = do_destroy},
        {.label = VAULT_DERIVE, .words = 4, .handle = do_derive},
        {.label = VAULT_SEAL, .words = 2, .handle = do_seal},
        {.label = VAULT_UNSEAL, .words = 2, .handle = do_unseal},
        {.label = VAULT_SIGN, .words = 1, .handle = do_sign},
        {.label = VAULT_VERIFY, .words = 1, .handle = do_verify},
        {.label = VAULT_PUBLIC_KEY, .words = 0, .handle = do_public_key},
        {.label = VAULT_WINDOW, .words = 0, .handle = do_window},
        {.label = VAULT_SEAL_WINDOW, .words = 4, .handle = do_seal_window},
        {.label = VAULT_UNSEAL_WINDOW, .words = 4, .handle = do_unseal_window},
        {.label = VAULT_SIGN_WINDOW, .words = 2, .handle = do_sign_window},
        {.label = VAULT_SEAL_CAPABILITY, .words = 2, .handle = do_seal_capability},
        {.label = VAULT_UNSEAL_CAPABILITY, .words = 1, .handle = do_unseal_capability},
        {.label = VAULT_FORGET_CAPABILITY, .words = 1, .handle = do_forget_capability},
        {.label = VAULT_ATTEST, .words = 1, .handle = do_attest},
        {.label = VAULT_STATEMENT, .words = 1, .handle = do_statement},
        {.label = VAULT_ATTESTATION_KEY, .words = 0, .handle = do_attestation_key},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = VAULT_E_BAD_REQUEST, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    bw_serve(&service);
}
