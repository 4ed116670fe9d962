/* sodium-compress.c: BLAKE2b's inner function, apart from the rest since both name the same tables. */
#include "sodium-options.h"

#include <crypto_generichash/blake2b/ref/blake2b-compress-ref.c>
