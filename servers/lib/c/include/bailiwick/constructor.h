/*
 * constructor.h: for those who build programs into constructors, and for those who have them run. Results are 0, the protocol's CONSTRUCTOR_E_...
 * (<bailiwick/constructor-protocol.h>), or BW_CONSTRUCTOR_GONE: the server has ended, or the capability is none of its. What the functions of a requestor say is
 * true only if the requestor is genuine: bw_constructor_verify with a capability of the constructor's that one trusts.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

#define BW_CONSTRUCTOR_GONE UINT32_MAX

/* Builders. */

struct bw_product_size {
    /* A product takes 2^bits bytes, 16..24, and has so many pages of stack, 1..64. */
    uint32_t bits, stack_pages;
};
/* A new constructor for an ELF file, all of which is written to it: its builder into `slot`. name: at most 23 bytes '!' to '~'. */
uint32_t bw_constructor_create(bw_cptr constructor, const char *name, const void *elf, size_t bytes, struct bw_product_size size, bw_cptr slot);
/* The capability in `cap` for each product, as BW_USE(name). *hole (may be NULL): something could go out through it. */
uint32_t bw_constructor_install(bw_cptr builder, const char *name, bw_cptr cap, bool *hole);
/* The requestor into `slot`. why: for BAD_IMAGE, a sentence of up to `room` bytes with its 0; may be NULL. */
uint32_t bw_constructor_seal(bw_cptr builder, bw_cptr slot, char *why, size_t room);
uint32_t bw_constructor_destroy(bw_cptr builder);

/* Requestors. */

struct bw_requestor_check {
    bool genuine, discreet;
    uint64_t holes;
};
/* constructor: one that is trusted. suspect: any capability. */
uint32_t bw_constructor_verify(bw_cptr constructor, bw_cptr suspect, struct bw_requestor_check *check);

struct bw_hole {
    /* BW_KIND_...; BW_KIND_NULL: an instruction that reads a clock. */
    uint32_t kind, rights;
    char path[256];
};
/* The place'th, from 0; CONSTRUCTOR_E_NOT_FOUND behind the last. A longer path is cut. */
uint32_t bw_constructor_hole(bw_cptr requestor, uint64_t place, struct bw_hole *hole);

/* What a product is built from, all of it its client's. */
struct bw_yield {
    bw_cptr bank;
    /* A SchedContext that no thread has. */
    bw_cptr schedule;
    /* An endpoint that is told of its faults, with the rights to write and to be answered. */
    bw_cptr keeper;
    /* Only if the constructor is discreet and nobody else can tell how much the bank has sold. */
    bool strict;
};
/* The product's endpoint into `slot`; *number: by which the bank frees all of it. It runs already. */
uint32_t bw_constructor_yield(bw_cptr requestor, const struct bw_yield *yield, bw_cptr slot, uint64_t *number);
