/*
 * vault.h: a client of the vault. `vault` is a capability of one of its offers, `key` one of a key. Results are 0, the protocol's VAULT_E_...
 * (<bailiwick/vault-protocol.h>), or BW_VAULT_GONE: the server has ended, or the capability is none of its.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

enum { BW_VAULT_SYMMETRIC = 1, BW_VAULT_SIGNING = 2 };
enum { BW_VAULT_SEAL = 1, BW_VAULT_UNSEAL = 2, BW_VAULT_SIGN = 4, BW_VAULT_VERIFY = 8, BW_VAULT_DERIVE = 16, BW_VAULT_DESTROY = 32, BW_VAULT_ALL = 63 };
/* Associated bytes and sealed ones together; what sealing adds; bytes that are signed; a capability as bytes. */
enum { BW_VAULT_PIECE = 904, BW_VAULT_MORE = 40, BW_VAULT_SIGNED = 880, BW_VAULT_SIGNATURE = 64, BW_VAULT_PUBLIC = 32, BW_VAULT_TOKEN = 64, BW_VAULT_NONCE = 32 };
#define BW_VAULT_GONE UINT32_MAX

/* Bytes that are read and not kept. */
struct bw_bytes {
    const void *at;
    size_t count;
};

/* A key's capability goes into the empty `slot`. A context is 8 bytes that say what a derived key is for. */
uint32_t bw_vault_generate(bw_cptr vault, uint32_t kind, uint32_t rights, bw_cptr slot);
uint32_t bw_vault_storage_key(bw_cptr vault, uint32_t kind, uint32_t rights, uint64_t number, const char context[8], bw_cptr slot);
uint32_t bw_vault_derive(bw_cptr key, uint32_t kind, uint32_t rights, uint64_t number, const char context[8], bw_cptr slot);
uint32_t bw_vault_restrict(bw_cptr key, uint32_t rights, bw_cptr slot);
/* Either may be NULL. */
uint32_t bw_vault_info(bw_cptr key, uint32_t *kind, uint32_t *rights);
/* The capability ends, wherever its copies are, or the key does with all that reach it; the slot is emptied. */
uint32_t bw_vault_close(bw_cptr key);
uint32_t bw_vault_destroy(bw_cptr key);

/* Any number of bytes, in pieces. */
uint32_t bw_vault_random(bw_cptr vault, void *bytes, size_t count);
/* `sealed` has room for the bytes and BW_VAULT_MORE; *done: as many as there are. */
uint32_t bw_vault_seal(bw_cptr key, struct bw_bytes associated, struct bw_bytes bytes, uint8_t *sealed, size_t *done);
/* `bytes` has room for what was sealed, BW_VAULT_MORE less than `sealed`. */
uint32_t bw_vault_unseal(bw_cptr key, struct bw_bytes associated, struct bw_bytes sealed, uint8_t *bytes, size_t *done);
uint32_t bw_vault_sign(bw_cptr key, struct bw_bytes bytes, uint8_t signature[BW_VAULT_SIGNATURE]);
uint32_t bw_vault_verify(bw_cptr key, struct bw_bytes bytes, const uint8_t signature[BW_VAULT_SIGNATURE]);
uint32_t bw_vault_public_key(bw_cptr key, uint8_t public_key[BW_VAULT_PUBLIC]);

/*
 * Much data at once: the client's window of 2 MiB, its capability into the empty `slot`, mapped at `address`, a multiple of 2 MiB; up to 65536 bytes of it at `at`
 * are sealed into it at `to`, 40 bytes more, or unsealed, or signed.
 */
uint32_t bw_vault_window(bw_cptr vault, bw_cptr slot, uint64_t address);
uint32_t bw_vault_seal_window(bw_cptr vault, bw_cptr key, struct bw_bytes associated, uint64_t at, uint64_t count, uint64_t to, size_t *done);
uint32_t bw_vault_unseal_window(bw_cptr vault, bw_cptr key, struct bw_bytes associated, uint64_t at, uint64_t count, uint64_t to, size_t *done);
uint32_t bw_vault_sign_window(bw_cptr vault, bw_cptr key, uint64_t at, uint64_t count, uint8_t signature[BW_VAULT_SIGNATURE]);

/* expiry: of the vault's clock, 0 for none. audience: a client of the vault, by its name in the manifest. */
uint32_t bw_vault_seal_capability(bw_cptr vault, bw_cptr capability, const char *audience, uint64_t expiry, uint8_t token[BW_VAULT_TOKEN]);
uint32_t bw_vault_unseal_capability(bw_cptr vault, const uint8_t token[BW_VAULT_TOKEN], bw_cptr slot);
uint32_t bw_vault_forget_capability(bw_cptr vault, const uint8_t token[BW_VAULT_TOKEN]);

/* A statement for this nonce: its signature, and how many bytes it has. They are read from any offset on, until *done is 0. */
uint32_t bw_vault_attest(bw_cptr vault, const uint8_t nonce[BW_VAULT_NONCE], uint8_t signature[BW_VAULT_SIGNATURE], size_t *bytes);
uint32_t bw_vault_statement(bw_cptr vault, size_t offset, void *bytes, size_t room, size_t *done);
uint32_t bw_vault_attestation_key(bw_cptr vault, uint8_t public_key[BW_VAULT_PUBLIC]);
