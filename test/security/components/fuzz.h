/*
 * fuzz.h: random system calls, and which of them could only end or block their caller itself.
 */
#pragma once
#include <bailiwick.h>

enum { OWN_FIRST = 128, SLOTS = 256 };

static uint64_t fuzz_state;
static uint64_t chance(void) {
    fuzz_state ^= fuzz_state << 13;
    fuzz_state ^= fuzz_state >> 7;
    return fuzz_state ^= fuzz_state << 17;
}
static uint64_t below(uint64_t most) { return chance() % most; }

static uint64_t some_slot(void) {
    switch (below(8)) {
    case 0: return chance();
    case 1: return below(SLOTS);
    case 2:
    case 3: return OWN_FIRST + below(16);
    default: return below(18);
    }
}

static uint64_t some_word(void) {
    static const uint64_t odd[] = {0, 1, 2, 12, 21, 63, 64, 0xfff, 0x1000, 0x10000, 0x40000000, 0x40001000, 0x50000000, 0x60000000, 0x80000000, UINT32_MAX, 1UL << 32, 1UL << 38, 1UL << 47, 1UL << 63, UINT64_MAX};
    switch (below(6)) {
    case 0: return chance();
    case 1: return odd[below(sizeof odd / sizeof odd[0])];
    case 2: return bw_pair(some_slot(), BW_DEPTH);
    case 3: return bw_pair(some_slot(), BW_DEPTH | BW_ALL_RIGHTS << 8);
    case 4: return below(17) | below(24) << 8 | below(20) << 16;
    default: return some_slot();
    }
}

static uint32_t some_label(void) {
    static const uint32_t firsts[] = {BW_INV_UNTYPED_RETYPE, BW_INV_CNODE_COPY, BW_INV_TCB_SET_SPACE, BW_INV_SCHED_CONTEXT_BIND, BW_INV_PAGE_TABLE_MAP, BW_INV_FRAME_MAP, BW_INV_VCPU_MAP_FRAME, BW_INV_IRQ_CONTROL_GET, BW_INV_IRQ_HANDLER_ACK, BW_INV_SCHED_CONTROL_CONFIGURE, BW_INV_HOSTED_CONTROL_BIND, BW_INV_IOSPACE_MAP};
    if (below(8) == 0) return (uint32_t)chance() & BW_INFO_LABEL_MASK;
    return firsts[below(sizeof firsts / sizeof firsts[0])] + (uint32_t)below(10);
}

struct fuzz_call {
    uint64_t number, cap, info, w[4], reply;
};

/* The slot that a word of a CNode invocation names. */
static uint32_t named(uint64_t word) { return (uint32_t)word; }
static int needed(uint32_t slot) { return slot < OWN_FIRST; }

/* A message to its own endpoint, which nobody will receive. */
static int waits_for_itself(const struct fuzz_call *c) { return named(c->cap) == BW_SLOT_SERVICE && (c->number == BW_SYS_CALL || c->number == BW_SYS_SEND); }

/* Whether the call could end or block its caller, which is its right and no attack. */
static int harms_itself(const struct fuzz_call *c) {
    const uint32_t label = (uint32_t)(c->info >> BW_INFO_LABEL_SHIFT) & BW_INFO_LABEL_MASK;
    switch (c->number) {
    case BW_SYS_RECV:
    case BW_SYS_REPLY_RECV:
    case BW_SYS_WAIT:
        return 1;
    case BW_SYS_NB_RECV:
    case BW_SYS_POLL:
        /* On what is neither endpoint nor notification it is a fault. */
        return c->number == BW_SYS_POLL ? c->cap != BW_SLOT_NOTIFICATION : c->cap != BW_SLOT_SERVICE || (c->reply != 0 && c->reply != BW_SLOT_REPLY);
    default:
        break;
    }
    if (waits_for_itself(c)) return 1;
    if (c->cap == BW_SLOT_PARENT) return label == 1 || label == 2 || label == 0;
    switch (label) {
    case BW_INV_UNTYPED_RETYPE:
        /* A call to an endpoint of its own would wait for ever, and so would running a VCPU. */
        return (c->w[0] & 0xff) == BW_KIND_ENDPOINT || (c->w[0] & 0xff) == BW_KIND_VCPU;
    case BW_INV_CNODE_COPY:
    case BW_INV_CNODE_MINT:
    case BW_INV_CNODE_MOVE:
    case BW_INV_CNODE_MUTATE:
        return needed(named(c->w[1])) || needed(named(c->w[0]));
    case BW_INV_CNODE_DELETE:
        return needed(named(c->w[0]));
    case BW_INV_CNODE_REVOKE:
        return needed(named(c->w[0])) && named(c->w[0]) != BW_SLOT_UNTYPED;
    case BW_INV_TCB_SET_SPACE:
    case BW_INV_TCB_SET_IPC_BUFFER:
    case BW_INV_TCB_SET_PRIORITY:
    case BW_INV_TCB_SUSPEND:
    case BW_INV_TCB_SET_TLS:
        return c->cap == BW_SLOT_TCB;
    case BW_INV_SCHED_CONTEXT_UNBIND:
        return c->cap == BW_SLOT_SCHED_CONTEXT;
    case BW_INV_FRAME_UNMAP:
        return c->cap == BW_SLOT_IPC_BUFFER;
    default:
        return 0;
    }
}

static int receives(uint64_t number) { return number == BW_SYS_RECV || number == BW_SYS_NB_RECV || number == BW_SYS_REPLY_RECV || number == BW_SYS_WAIT || number == BW_SYS_POLL; }

static struct fuzz_call some_call(void) {
    struct fuzz_call c = {.number = below(3) == 0 ? 1 + below(10) : BW_SYS_CALL, .cap = some_slot(), .reply = some_slot()};
    /* A receive on what is no endpoint is a fault, and the end: now and then. */
    if (receives(c.number) && below(2000) != 0) c.number = BW_SYS_CALL;
    if (receives(c.number) && below(2) == 0) c.cap = c.number == BW_SYS_WAIT || c.number == BW_SYS_POLL ? BW_SLOT_NOTIFICATION : BW_SLOT_SERVICE, c.reply = BW_SLOT_REPLY;
    c.info = bw_info(some_label(), (uint32_t)(below(4) == 0 ? below(128) : below(6)), (uint32_t)below(4)) | (below(16) == 0 ? chance() << 31 : 0);
    for (unsigned i = 0; i < 4; i++) c.w[i] = some_word();
    return c;
}

static struct bw_msg make(const struct fuzz_call *c) { return bw_trap(c->number, c->cap, c->info, c->w[0], c->w[1], c->w[2], c->w[3], c->reply); }
