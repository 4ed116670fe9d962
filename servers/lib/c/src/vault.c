/* vault.c: a client of the vault. */
#include <bailiwick.h>
#include <bailiwick/vault-protocol.h>
#include <bailiwick/vault.h>

static uint32_t result_of(const struct bw_msg *m) { return bw_error(m) != 0 ? BW_VAULT_GONE : bw_label(m); }

/* A call with `words` words that are in the buffer already, and two byte strings behind them, one after the other. */
static struct bw_msg call_bytes(bw_cptr cap, uint32_t label, uint32_t words, struct bw_bytes first, struct bw_bytes second, uint32_t caps) {
    uint8_t *room = (uint8_t *)&bw_ipc()->words[words];
    if (first.count > 0) memcpy(room, first.at, first.count);
    if (second.count > 0) memcpy(room + first.count, second.at, second.count);
    return bw_call_buffer(cap, label, words + (uint32_t)((first.count + second.count + 7) / 8), caps);
}

static const struct bw_bytes none = {NULL, 0};

/* The bytes of an answer behind `words` words, if there are no more than fit. */
static uint32_t take(const struct bw_msg *m, uint32_t words, void *to, size_t room, size_t *done) {
    const uint64_t count = bw_ipc()->words[words - 1];
    if (result_of(m) != 0) return result_of(m);
    if (bw_length(m) < words || count > room || count > (uint64_t)(bw_length(m) - words) * 8) return BW_VAULT_GONE;
    memcpy(to, &bw_ipc()->words[words], count);
    if (done != NULL) *done = count;
    return 0;
}

static uint32_t take_exactly(const struct bw_msg *m, uint32_t words, void *to, size_t count) {
    size_t done = 0;
    const uint32_t result = take(m, words, to, count, &done);
    return result == 0 && done != count ? BW_VAULT_GONE : result;
}

/* A call whose answer brings a capability into the slot; the program's own receive slots are as before afterwards. */
static uint32_t call_for_capability(bw_cptr cap, uint32_t label, uint32_t words, struct bw_bytes bytes, bw_cptr slot) {
    struct bw_ipc *b = bw_ipc();
    const uint64_t count = b->receive_count, cnode = b->receive_cnode, index = b->receive_index, depth = b->receive_depth;
    bw_receive_slots(slot, 1);
    const struct bw_msg m = call_bytes(cap, label, words, bytes, none, 0);
    b->receive_count = count, b->receive_cnode = cnode, b->receive_index = index, b->receive_depth = depth;
    return result_of(&m) == 0 && (bw_caps(&m) != 1 || bw_unwrapped(&m) != 0) ? BW_VAULT_GONE : result_of(&m);
}

static uint32_t call_for_key(bw_cptr cap, uint32_t label, uint32_t words, uint64_t w0, uint64_t w1, uint64_t number, const char *context, bw_cptr slot) {
    uint64_t *w = bw_ipc()->words;
    w[0] = w0, w[1] = w1, w[2] = number;
    if (context != NULL) memcpy(&w[3], context, 8);
    return call_for_capability(cap, label, words, none, slot);
}

uint32_t bw_vault_generate(bw_cptr vault, uint32_t kind, uint32_t rights, bw_cptr slot) { return call_for_key(vault, VAULT_GENERATE, 2, kind, rights, 0, NULL, slot); }
uint32_t bw_vault_storage_key(bw_cptr vault, uint32_t kind, uint32_t rights, uint64_t number, const char context[8], bw_cptr slot) {
    return call_for_key(vault, VAULT_STORAGE_KEY, 4, kind, rights, number, context, slot);
}
uint32_t bw_vault_derive(bw_cptr key, uint32_t kind, uint32_t rights, uint64_t number, const char context[8], bw_cptr slot) {
    return call_for_key(key, VAULT_DERIVE, 4, kind, rights, number, context, slot);
}
uint32_t bw_vault_restrict(bw_cptr key, uint32_t rights, bw_cptr slot) { return call_for_key(key, VAULT_RESTRICT, 1, rights, 0, 0, NULL, slot); }

uint32_t bw_vault_info(bw_cptr key, uint32_t *kind, uint32_t *rights) {
    const struct bw_msg m = bw_call(key, bw_info(VAULT_INFO, 0, 0), 0, 0, 0, 0);
    if (result_of(&m) == 0 && kind != NULL) *kind = (uint32_t)m.w[0];
    if (result_of(&m) == 0 && rights != NULL) *rights = (uint32_t)m.w[1];
    return result_of(&m);
}

static uint32_t end(bw_cptr key, uint32_t label) {
    const struct bw_msg m = bw_call(key, bw_info(label, 0, 0), 0, 0, 0, 0);
    if (result_of(&m) == 0) (void)bw_cnode_delete(BW_SLOT_CNODE, key);
    return result_of(&m);
}
uint32_t bw_vault_close(bw_cptr key) { return end(key, VAULT_CLOSE); }
uint32_t bw_vault_destroy(bw_cptr key) { return end(key, VAULT_DESTROY); }

uint32_t bw_vault_random(bw_cptr vault, void *bytes, size_t count) {
    for (uint8_t *to = bytes; count > 0;) {
        const size_t piece = count < 256 ? count : 256;
        bw_ipc()->words[0] = piece;
        const struct bw_msg m = bw_call_buffer(vault, VAULT_RANDOM, 1, 0);
        const uint32_t result = take_exactly(&m, 1, to, piece);
        if (result != 0) return result;
        to += piece, count -= piece;
    }
    return 0;
}

uint32_t bw_vault_seal(bw_cptr key, struct bw_bytes associated, struct bw_bytes bytes, uint8_t *sealed, size_t *done) {
    if (associated.count > BW_VAULT_PIECE || bytes.count > BW_VAULT_PIECE - associated.count) return VAULT_E_BAD_REQUEST;
    bw_ipc()->words[0] = associated.count, bw_ipc()->words[1] = associated.count + bytes.count;
    const struct bw_msg m = call_bytes(key, VAULT_SEAL, 2, associated, bytes, 0);
    return take(&m, 1, sealed, bytes.count + BW_VAULT_MORE, done);
}

uint32_t bw_vault_unseal(bw_cptr key, struct bw_bytes associated, struct bw_bytes sealed, uint8_t *bytes, size_t *done) {
    enum { MOST = BW_VAULT_PIECE + BW_VAULT_MORE };
    if (associated.count > MOST || sealed.count > MOST - associated.count) return VAULT_E_BAD_REQUEST;
    bw_ipc()->words[0] = associated.count, bw_ipc()->words[1] = associated.count + sealed.count;
    const struct bw_msg m = call_bytes(key, VAULT_UNSEAL, 2, associated, sealed, 0);
    return take(&m, 1, bytes, sealed.count < BW_VAULT_MORE ? 0 : sealed.count - BW_VAULT_MORE, done);
}

uint32_t bw_vault_sign(bw_cptr key, struct bw_bytes bytes, uint8_t signature[BW_VAULT_SIGNATURE]) {
    if (bytes.count > BW_VAULT_SIGNED) return VAULT_E_BAD_REQUEST;
    bw_ipc()->words[0] = bytes.count;
    const struct bw_msg m = call_bytes(key, VAULT_SIGN, 1, bytes, none, 0);
    return take_exactly(&m, 1, signature, BW_VAULT_SIGNATURE);
}

uint32_t bw_vault_verify(bw_cptr key, struct bw_bytes bytes, const uint8_t signature[BW_VAULT_SIGNATURE]) {
    if (bytes.count > BW_VAULT_SIGNED) return VAULT_E_BAD_REQUEST;
    bw_ipc()->words[0] = bytes.count + BW_VAULT_SIGNATURE;
    const struct bw_msg m = call_bytes(key, VAULT_VERIFY, 1, (struct bw_bytes){signature, BW_VAULT_SIGNATURE}, bytes, 0);
    return result_of(&m);
}

static uint32_t public_key_by(bw_cptr cap, uint32_t label, uint8_t *public_key) {
    const struct bw_msg m = bw_call_buffer(cap, label, 0, 0);
    return take_exactly(&m, 1, public_key, BW_VAULT_PUBLIC);
}
uint32_t bw_vault_public_key(bw_cptr key, uint8_t public_key[BW_VAULT_PUBLIC]) { return public_key_by(key, VAULT_PUBLIC_KEY, public_key); }
uint32_t bw_vault_attestation_key(bw_cptr vault, uint8_t public_key[BW_VAULT_PUBLIC]) { return public_key_by(vault, VAULT_ATTESTATION_KEY, public_key); }

uint32_t bw_vault_window(bw_cptr vault, bw_cptr slot, uint64_t address) {
    const uint32_t result = call_for_capability(vault, VAULT_WINDOW, 0, none, slot);
    if (result != 0) return result;
    return bw_frame_map(slot, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) == 0 ? 0 : VAULT_E_NO_CAPABILITY;
}

static uint32_t in_window(bw_cptr vault, uint32_t label, bw_cptr key, struct bw_bytes associated, const uint64_t place[3], size_t *done) {
    uint64_t *w = bw_ipc()->words;
    if (associated.count > BW_VAULT_PIECE) return VAULT_E_BAD_REQUEST;
    w[0] = place[0], w[1] = place[1], w[2] = place[2], w[3] = associated.count;
    bw_ipc()->caps[0] = key;
    const struct bw_msg m = call_bytes(vault, label, 4, associated, none, 1);
    *done = result_of(&m) == 0 ? m.w[0] : 0;
    return result_of(&m);
}
uint32_t bw_vault_seal_window(bw_cptr vault, bw_cptr key, struct bw_bytes associated, uint64_t at, uint64_t count, uint64_t to, size_t *done) {
    return in_window(vault, VAULT_SEAL_WINDOW, key, associated, (const uint64_t[]){at, count, to}, done);
}
uint32_t bw_vault_unseal_window(bw_cptr vault, bw_cptr key, struct bw_bytes associated, uint64_t at, uint64_t count, uint64_t to, size_t *done) {
    return in_window(vault, VAULT_UNSEAL_WINDOW, key, associated, (const uint64_t[]){at, count, to}, done);
}

uint32_t bw_vault_sign_window(bw_cptr vault, bw_cptr key, uint64_t at, uint64_t count, uint8_t signature[BW_VAULT_SIGNATURE]) {
    bw_ipc()->words[0] = at, bw_ipc()->words[1] = count;
    bw_ipc()->caps[0] = key;
    const struct bw_msg m = bw_call_buffer(vault, VAULT_SIGN_WINDOW, 2, 1);
    return take_exactly(&m, 1, signature, BW_VAULT_SIGNATURE);
}

uint32_t bw_vault_seal_capability(bw_cptr vault, bw_cptr capability, const char *audience, uint64_t expiry, uint8_t token[BW_VAULT_TOKEN]) {
    const struct bw_bytes name = {audience, strlen(audience)};
    if (name.count > 64) return VAULT_E_UNKNOWN_CLIENT;
    bw_ipc()->words[0] = expiry, bw_ipc()->words[1] = name.count;
    bw_ipc()->caps[0] = capability;
    const struct bw_msg m = call_bytes(vault, VAULT_SEAL_CAPABILITY, 2, name, none, 1);
    return take_exactly(&m, 1, token, BW_VAULT_TOKEN);
}

uint32_t bw_vault_unseal_capability(bw_cptr vault, const uint8_t token[BW_VAULT_TOKEN], bw_cptr slot) {
    bw_ipc()->words[0] = BW_VAULT_TOKEN;
    return call_for_capability(vault, VAULT_UNSEAL_CAPABILITY, 1, (struct bw_bytes){token, BW_VAULT_TOKEN}, slot);
}

uint32_t bw_vault_forget_capability(bw_cptr vault, const uint8_t token[BW_VAULT_TOKEN]) {
    bw_ipc()->words[0] = BW_VAULT_TOKEN;
    const struct bw_msg m = call_bytes(vault, VAULT_FORGET_CAPABILITY, 1, (struct bw_bytes){token, BW_VAULT_TOKEN}, none, 0);
    return result_of(&m);
}

uint32_t bw_vault_attest(bw_cptr vault, const uint8_t nonce[BW_VAULT_NONCE], uint8_t signature[BW_VAULT_SIGNATURE], size_t *bytes) {
    bw_ipc()->words[0] = BW_VAULT_NONCE;
    const struct bw_msg m = call_bytes(vault, VAULT_ATTEST, 1, (struct bw_bytes){nonce, BW_VAULT_NONCE}, none, 0);
    *bytes = result_of(&m) == 0 ? m.w[0] : 0;
    return take_exactly(&m, 2, signature, BW_VAULT_SIGNATURE);
}

uint32_t bw_vault_statement(bw_cptr vault, size_t offset, void *bytes, size_t room, size_t *done) {
    bw_ipc()->words[0] = offset;
    const struct bw_msg m = bw_call_buffer(vault, VAULT_STATEMENT, 1, 0);
    if (result_of(&m) == 0 && bw_ipc()->words[0] > room) bw_ipc()->words[0] = room;
    return take(&m, 1, bytes, room, done);
}
