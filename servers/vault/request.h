/* request.h: what the vault's handlers share. A handler copies what it reads before it calls anybody: the IPC buffer is this thread's only one. */
#pragma once
#include <bailiwick.h>
#include <bailiwick/vault-protocol.h>

#include "keys.h"

#include <sodium/utils.h>

enum { SEALED = 96 };
enum { SLOT_RECEIVED = 128, SLOT_MINTED, SLOT_SEALED, SLOT_WINDOWS = SLOT_SEALED + SEALED };
/* Bytes that go with one request, whatever words it has. */
enum { MESSAGE_BYTES = (BW_MAX_WORDS - 1) * 8 };

/* The byte string of a request behind its words; false: it is not all there, or longer than the room. */
static inline bool take_bytes(struct bw_request *r, uint32_t words, uint64_t count, uint8_t *to, size_t room) {
    if (count > room) return false;
    const uint8_t *bytes = bw_request_bytes(r, words, count);
    if (bytes != NULL) memcpy(to, bytes, count);
    return bytes != NULL;
}

/* An answer of a count and so many bytes, behind `words` words that are in r->w. */
static inline void answer_bytes(struct bw_request *r, uint32_t words, const void *bytes, size_t count) {
    memcpy(bw_answer_room(words + 1), bytes, count);
    r->w[words] = count;
    for (uint32_t i = 0; i <= words; i++) bw_ipc()->words[i] = r->w[i];
    bw_answer_bytes(r, words + 1, count);
}

/* K1: libsodium leaves what it hashed on the stack. It takes less than this of it. */
static inline void wipe_stack(void) { sodium_stackzero(16384); }

/* The key's handle that a request came through, if it has this right (0: any); or a refusal. */
uint32_t handle_for(const struct bw_request *r, uint32_t right, struct handle **handle);
/* The answer brings a capability to what this badge names. False: there is no more room for one. */
bool answer_capability(struct bw_request *r, uint64_t badge);

/* crypt.c: a key at work. */
bw_handler do_random, do_seal, do_unseal, do_sign, do_verify, do_public_key;
/* window.c: much data at once. */
bw_handler do_window, do_seal_window, do_unseal_window, do_sign_window;
/* sealed.c: capabilities as bytes. */
void sealed_begin(uint32_t count_of_clients);
bw_handler do_seal_capability, do_unseal_capability, do_forget_capability;
/* attest.c: statements. */
bw_handler do_attest, do_statement, do_attestation_key;
