/*
 * program.h: how a program names what it was given, and how it ends.
 *
 * BW_USE(console) declares that the manifest must wire a use called `console`; the image builder writes where it is into the entry before the
 * program is placed in the image, and refuses to build when the manifest has none. No slot number, no address is written in a program.
 */
#pragma once
#include <stdint.h>

#define BW_USE_NAME_BYTES 24

struct bw_use {
    char name[BW_USE_NAME_BYTES];
    /* The capability's slot; 0 when there is none (memory that is only mapped). */
    uint64_t cap;
    /* Registers and memory: where they are mapped, and how many bytes. 0 else. */
    uint64_t address;
    uint64_t bytes;
    /* An interrupt: the bit it signals. An endpoint: the badge under which the server knows this program. */
    uint64_t badge;
};
_Static_assert(sizeof(struct bw_use) == 56, "the image builder patches entries of 56 bytes");

/* volatile: the values come after the compiler has seen the zeros. The section is read-only at run time. Once a program; BW_USED elsewhere. */
#define BW_USE(use)                                                                       \
    BW_USED(use);                                                                         \
    __attribute__((used, section(".bw_uses"))) const volatile struct bw_use bw_use_##use = {.name = #use}
/* One that the manifest may leave out: then all of it is 0. */
#define BW_USE_OPTIONAL(use)                                                              \
    BW_USED(use);                                                                         \
    __attribute__((used, section(".bw_uses"))) const volatile struct bw_use bw_use_##use = {.name = "?" #use}
#define BW_USED(use) extern const volatile struct bw_use bw_use_##use

/*
 * What the manifest says under `args`: the value at a path of keys and indices ("partitions.0.name"), NULL when there is none. Numbers are decimal,
 * booleans true and false. Valid for ever.
 */
const char *bw_arg(const char *name);
/* The value at GROUP.NAME; the index'th of a list, from 0. NULL when there is none. */
const char *bw_arg_in(const char *group, const char *name);
const char *bw_arg_at(const char *list, uint32_t index);
/* A text as an unsigned decimal number; `otherwise` when it is NULL, or none. */
uint64_t bw_number(const char *text, uint64_t otherwise);
/* As an unsigned number; `otherwise` when there is none, or it is not one. */
uint64_t bw_arg_number(const char *name, uint64_t otherwise);
/* The component's own name, and that of its offer `index` (NULL: it has no such): a client's badge has the index in bits 16..31. */
const char *bw_name(void);
const char *bw_offer(uint32_t index);
/* The name of the client with this badge, in the manifest; NULL when the manifest gave it to nobody. */
const char *bw_client(uint64_t badge);
/* What the manifest lets this client have (its `quota`); `otherwise` when it says nothing of it. What is counted, says the protocol. */
uint64_t bw_quota(uint64_t badge, const char *kind, uint64_t otherwise);
#define BW_QUOTA_PER_SECOND "perSecond"
#define BW_QUOTA_BYTES_PER_SECOND "bytesPerSecond"
#define BW_QUOTA_BYTES "bytes"
/* The manifest's clients are numbered from 1 to this, whichever offers they use: bits 0..15 of a badge. */
uint32_t bw_clients(void);

/* Slots of the program's CSpace, a power of two from 256 on (the manifest's `slots`): those from 128 on are its own, up to this number. */
uint32_t bw_slots(void);

/* Ends the program: what was printed is written out, the root server is told `status` (0..255), the thread stops. main returning does the same. */
_Noreturn void bw_exit(int status);

/* A line for the operator's log, at most 944 bytes; more is cut. Needs no console. */
void bw_log(const char *line);
