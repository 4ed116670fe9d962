/* sodium-hash.c: libsodium's BLAKE2b, and keys from keys by it. */
#include "sodium-options.h"

#include <crypto_generichash/blake2b/ref/blake2b-ref.c>
#include <crypto_generichash/blake2b/ref/generichash_blake2b.c>
#include <crypto_kdf/blake2b/kdf_blake2b.c>
