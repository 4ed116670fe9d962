/* sodium-seal.c: libsodium's XChaCha20-Poly1305, comparisons and wiping. */
#include "sodium-options.h"

#include <sodium/utils.c>
#include <crypto_verify/sodium/verify.c>
#include <crypto_core/hchacha20/core_hchacha20.c>
#include <crypto_onetimeauth/poly1305/onetimeauth_poly1305.c>
#include <crypto_onetimeauth/poly1305/donna/poly1305_donna.c>
#include <crypto_aead/xchacha20poly1305/sodium/aead_xchacha20poly1305.c>
