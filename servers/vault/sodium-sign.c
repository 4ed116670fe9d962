/* sodium-sign.c: libsodium's Ed25519. */
#include "sodium-options.h"

#include <crypto_hash/sha512/cp/hash_sha512_cp.c>
#include <crypto_core/ed25519/ref10/ed25519_ref10.c>
#include <crypto_sign/ed25519/ref10/keypair.c>
#include <crypto_sign/ed25519/ref10/sign.c>
#include <crypto_sign/ed25519/ref10/open.c>
