/*
 * platform.h: what the machine's firmware, which is the host process, gave: the list of what it loaded, and a secret. From the secret follow the key that
 * statements are signed with and, with the list's value, the root of the keys that belong to this very image.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32, FILES = 256 };

/* A piece of the list's text. */
struct text {
    const char *at;
    size_t count;
};
struct measurement {
    struct text hash;
    struct text name;
};

extern struct measurement measurements[FILES];
extern uint32_t measurements_count;
/* The image's name and version, as JSON. */
extern struct text image;
extern uint8_t chain[HASH_BYTES];
/* There is a list; there is a secret; keys follow from both. */
extern bool is_measured, has_secret;
/* As libsodium has it: seed and public key. */
extern uint8_t attestation_key[64];
extern uint8_t storage_root[32];

/* False, and the operator is told: what there is makes no sense. */
bool platform_begin(void);
