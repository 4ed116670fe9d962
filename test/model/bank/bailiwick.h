/*
 * bailiwick.h for this machine: what servers/bank/{memory,banks}.c need of the kit, over a kernel that knows Untypeds and what is made of them (kernel.c).
 * In place of servers/lib/c/include/bailiwick.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t bw_cptr;
typedef uint32_t bw_err;

enum { BW_KIND_UNTYPED = 1, BW_KIND_FRAME, BW_KIND_PAGE_TABLE };
enum { BW_SLOT_CNODE = 1, BW_SLOT_VSPACE, BW_SLOT_UNTYPED };
enum { BW_RIGHT_READ = 1, BW_RIGHT_WRITE = 2 };
enum { OWN_BYTES = 4 << 20 };
#define BW_PAGE 4096UL
extern uint8_t host_own[OWN_BYTES];
#define BW_ADDRESS_OWN ((uint64_t)&host_own[0])

bw_err bw_untyped_retype(bw_cptr untyped, uint32_t kind, uint32_t bits, uint32_t count, bw_cptr cnode, uint64_t first);
bw_err bw_cnode_delete(bw_cptr cnode, uint64_t slot);
bw_err bw_cnode_revoke(bw_cptr cnode, uint64_t slot);
bw_err bw_page_table_map(bw_cptr table, uint64_t address, bw_cptr vspace);
bw_err bw_frame_map(bw_cptr frame, uint64_t address, bw_cptr vspace, uint32_t rights);
uint32_t bw_slots(void);
void bw_logf(const char *format, ...) __attribute__((format(printf, 1, 2)));
