/* sodium-stream.c: libsodium's ChaCha20. */
#include "sodium-options.h"

#include <crypto_stream/chacha20/stream_chacha20.c>
#include <crypto_stream/chacha20/ref/chacha20_ref.c>
