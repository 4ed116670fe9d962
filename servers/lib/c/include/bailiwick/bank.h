/*
 * bank.h: a client of the space bank. Results are 0, the protocol's BANK_E_... (<bailiwick/bank-protocol.h>), or BW_BANK_GONE: the server has ended, or the
 * capability is no endpoint. Capabilities that come go into the empty slot that is said; no call takes one without being asked.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

enum { BW_BANK_BUY = 1, BW_BANK_MAKE = 2, BW_BANK_DESTROY = 4, BW_BANK_LOOK = 8, BW_BANK_ALL = 15 };
#define BW_BANK_GONE UINT32_MAX
/* The slot was not empty. */
#define BW_BANK_NO_SLOT (UINT32_MAX - 1U)
#define BW_BANK_NAME_BYTES 24U

struct bw_bank_figures {
    /* Bytes. limit 0: none of its own. */
    uint64_t limit, reserve, used, peak;
    uint64_t blocks;
};

/* What a capability is that claims to be a bank. alone: nobody but its holders can tell how much it has sold. */
struct bw_bank_check {
    bool official;
    bool alone;
    uint32_t rights;
};

/* 2^bits bytes of Untyped, bits 12..30, into `slot`. *number: by which it is freed. */
uint32_t bw_bank_buy(bw_cptr bank, uint32_t bits, bw_cptr slot, uint64_t *number);
/* All that was made of that block ends. */
uint32_t bw_bank_free(bw_cptr bank, uint64_t number);
/* A bank under it. limit, reserve: bytes; banks: that may be made under the new one. name: at most 23 bytes '!' to '~'. */
uint32_t bw_bank_make(bw_cptr bank, uint64_t limit, uint64_t reserve, uint64_t banks, const char *name, bw_cptr slot);
uint32_t bw_bank_restrict(bw_cptr bank, uint32_t rights, bw_cptr slot);
/* All that it and those under it have sold ends. The slot with the capability is not emptied. */
uint32_t bw_bank_destroy(bw_cptr bank);
/* bank: one that is trusted. suspect: any capability, of whatever kind. */
uint32_t bw_bank_verify(bw_cptr bank, bw_cptr suspect, struct bw_bank_check *check);
uint32_t bw_bank_figures(bw_cptr bank, struct bw_bank_figures *figures);
/* The place'th of the bank (0) and those under it; BANK_E_NOT_FOUND behind the last. */
uint32_t bw_bank_list(bw_cptr bank, uint64_t place, struct bw_bank_figures *figures, uint32_t *depth, char name[BW_BANK_NAME_BYTES]);
