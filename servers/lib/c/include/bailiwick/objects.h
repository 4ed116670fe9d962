/*
 * objects.h: invocations of kernel objects, one function each. Capabilities among the arguments are CPtrs in the caller's own CSpace.
 * Each returns 0 or BW_ERR_...; a failed invocation changes nothing. Source: caps/abi/numbers.ts, `Invocation`.
 *
 * A slot is named by a CNode capability, an index in it and a depth in bits. Every function here uses the whole depth, so that an index in
 * BW_SLOT_CNODE is the CPtr itself; bw_cnode_fetch alone takes another.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

static inline uint64_t bw_pair(uint64_t lo, uint64_t hi) { return (lo & UINT32_MAX) | hi << 32; }

static inline bw_err bw_invoke(bw_cptr cap, uint32_t invocation, uint32_t length, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    struct bw_msg m = bw_call(cap, bw_info(invocation, length, 0), w0, w1, w2, w3);
    return bw_error(&m);
}

/*
 * Makes `count` objects of `kind` (BW_KIND_...) in slots first.. of `cnode`; all or none. size_bits counts for sized kinds only: Untyped and Frame
 * 2^size_bits bytes (a Frame: 12 or 21), CNode 2^size_bits slots. Errors: InvalidArgument, RangeError, DeleteFirst, NotEnoughMemory.
 */
static inline bw_err bw_untyped_retype(bw_cptr untyped, uint32_t kind, uint32_t size_bits, uint32_t count, bw_cptr cnode, uint64_t first) {
    return bw_invoke(untyped, BW_INV_UNTYPED_RETYPE, 3, (uint64_t)kind | (uint64_t)size_bits << 8 | (uint64_t)count << 16, cnode, first, 0);
}

/* Copies from slot `from` of `source` to slot `to` of `cnode`, with these rights at most (BW_RIGHT_...). */
static inline bw_err bw_cnode_copy(bw_cptr cnode, uint64_t to, bw_cptr source, uint64_t from, uint32_t rights) {
    return bw_invoke(cnode, BW_INV_CNODE_COPY, 3, bw_pair(to, BW_DEPTH), bw_pair(from, BW_DEPTH | rights << 8), source, 0);
}
/* As copy, out of a CNode of another shape: `depth` bits of `from` lead to the slot, the guard's before the slot's. */
static inline bw_err bw_cnode_fetch(bw_cptr cnode, uint64_t to, bw_cptr source, uint64_t from, uint32_t depth, uint32_t rights) {
    return bw_invoke(cnode, BW_INV_CNODE_COPY, 3, bw_pair(to, BW_DEPTH), bw_pair(from, depth | rights << 8), source, 0);
}
/* As copy, with a badge (endpoints, notifications), or a guard (CNodes: bits in the low half, size in the high half). */
static inline bw_err bw_cnode_mint(bw_cptr cnode, uint64_t to, bw_cptr source, uint64_t from, uint32_t rights, uint64_t badge) {
    return bw_invoke(cnode, BW_INV_CNODE_MINT, 4, bw_pair(to, BW_DEPTH), bw_pair(from, BW_DEPTH | rights << 8), source, badge);
}
static inline bw_err bw_cnode_move(bw_cptr cnode, uint64_t to, bw_cptr source, uint64_t from) {
    return bw_invoke(cnode, BW_INV_CNODE_MOVE, 3, bw_pair(to, BW_DEPTH), bw_pair(from, BW_DEPTH), source, 0);
}
static inline bw_err bw_cnode_mutate(bw_cptr cnode, uint64_t to, bw_cptr source, uint64_t from, uint64_t badge) {
    return bw_invoke(cnode, BW_INV_CNODE_MUTATE, 4, bw_pair(to, BW_DEPTH), bw_pair(from, BW_DEPTH), source, badge);
}
/* Empties the slot; the last capability to an object destroys it. An empty slot is no error. */
static inline bw_err bw_cnode_delete(bw_cptr cnode, uint64_t slot) { return bw_invoke(cnode, BW_INV_CNODE_DELETE, 1, bw_pair(slot, BW_DEPTH), 0, 0, 0); }
/* Deletes all that was derived from the capability in the slot. */
static inline bw_err bw_cnode_revoke(bw_cptr cnode, uint64_t slot) { return bw_invoke(cnode, BW_INV_CNODE_REVOKE, 1, bw_pair(slot, BW_DEPTH), 0, 0, 0); }

/* Moves the capability in `pivot` to slot `to` and the one in `from` to `pivot`, at once. `to` is empty, or is `from`: then they change places. All in one CNode. */
static inline bw_err bw_cnode_rotate(bw_cptr cnode, uint64_t to, uint64_t pivot, uint64_t from) {
    return bw_invoke(cnode, BW_INV_CNODE_ROTATE, 4, bw_pair(to, BW_DEPTH), bw_pair(pivot, BW_DEPTH), bw_pair(from, BW_DEPTH), bw_pair(cnode, cnode));
}
/* Ends every Send and Call that waits on the endpoint in the slot with the badge of that capability: they answer Cancelled. */
static inline bw_err bw_cnode_cancel_badged_sends(bw_cptr cnode, uint64_t slot) {
    return bw_invoke(cnode, BW_INV_CNODE_CANCEL_BADGED_SENDS, 3, bw_pair(slot, BW_DEPTH), 0, 0, 0);
}
/* The caller that `reply` holds is moved to `to`, a free reply object, to be answered later. */
static inline bw_err bw_reply_save(bw_cptr reply, bw_cptr to) { return bw_invoke(reply, BW_INV_REPLY_SAVE, 1, to, 0, 0, 0); }

/* keeper: endpoint that the thread's faults are sent to, 0 for none. */
static inline bw_err bw_tcb_set_space(bw_cptr tcb, bw_cptr keeper, bw_cptr cspace, bw_cptr vspace) { return bw_invoke(tcb, BW_INV_TCB_SET_SPACE, 3, keeper, cspace, vspace, 0); }
/* address: a multiple of 1024 inside the page where `frame` is mapped; frame 0 removes the buffer. */
static inline bw_err bw_tcb_set_ipc_buffer(bw_cptr tcb, uint64_t address, bw_cptr frame) { return bw_invoke(tcb, BW_INV_TCB_SET_IPC_BUFFER, 2, address, frame, 0, 0); }
/* Priorities 0..255. authority: a TCB whose maximum allows both. */
static inline bw_err bw_tcb_set_priority(bw_cptr tcb, uint32_t priority, uint32_t maximum, bw_cptr authority) {
    return bw_invoke(tcb, BW_INV_TCB_SET_PRIORITY, 2, bw_pair(priority, maximum), authority, 0, 0);
}
static inline bw_err bw_tcb_resume(bw_cptr tcb) { return bw_invoke(tcb, BW_INV_TCB_RESUME, 0, 0, 0, 0, 0); }
/* As resume, but a system call in which the thread was stopped is made again. */
static inline bw_err bw_tcb_restart(bw_cptr tcb) { return bw_invoke(tcb, BW_INV_TCB_RESTART, 0, 0, 0, 0, 0); }
/* endpoint: is told when the thread's budget is used up; 0: nobody is. */
static inline bw_err bw_tcb_set_timeout_keeper(bw_cptr tcb, bw_cptr endpoint) { return bw_invoke(tcb, BW_INV_TCB_SET_TIMEOUT_KEEPER, 1, endpoint, 0, 0, 0); }
/* For debuggers: the thread faults (Breakpoint) after each instruction, or before the one at `address`. number: 0..15. */
static inline bw_err bw_tcb_set_single_step(bw_cptr tcb, bool on) { return bw_invoke(tcb, BW_INV_TCB_SET_SINGLE_STEP, 1, on, 0, 0, 0); }
static inline bw_err bw_tcb_set_breakpoint(bw_cptr tcb, uint32_t number, uint64_t address, bool on) {
    return bw_invoke(tcb, BW_INV_TCB_SET_BREAKPOINT, 3, number, address, on, 0);
}
static inline bw_err bw_tcb_suspend(bw_cptr tcb) { return bw_invoke(tcb, BW_INV_TCB_SUSPEND, 0, 0, 0, 0, 0); }
/* notification 0 unbinds. */
static inline bw_err bw_tcb_bind_notification(bw_cptr tcb, bw_cptr notification) { return bw_invoke(tcb, BW_INV_TCB_BIND_NOTIFICATION, 1, notification, 0, 0, 0); }
static inline bw_err bw_tcb_set_tls(bw_cptr tcb, uint64_t tp) { return bw_invoke(tcb, BW_INV_TCB_SET_TLS, 1, tp, 0, 0, 0); }
/* Registers by number: 0 is pc, n is xn, 32 + n is fn, 64 is fcsr. count 0..65. Through the IPC buffer. */
bw_err bw_tcb_write_registers(bw_cptr tcb, uint32_t first, const uint64_t *values, uint32_t count, bool resume);
bw_err bw_tcb_read_registers(bw_cptr tcb, uint32_t first, uint64_t *values, uint32_t count);
/* The name shown in faults and traces, at most 32 bytes. */
bw_err bw_tcb_set_label(bw_cptr tcb, const char *name);

static inline bw_err bw_sched_context_bind(bw_cptr context, bw_cptr tcb) { return bw_invoke(context, BW_INV_SCHED_CONTEXT_BIND, 1, tcb, 0, 0, 0); }
static inline bw_err bw_sched_context_unbind(bw_cptr context) { return bw_invoke(context, BW_INV_SCHED_CONTEXT_UNBIND, 0, 0, 0, 0, 0); }
/* Microseconds of CPU used since the last call. */
bw_err bw_sched_context_consumed(bw_cptr context, uint64_t *microseconds);
/* Its thread is the next of its priority to run, before the caller if that is the caller's own priority; as consumed. */
bw_err bw_sched_context_yield_to(bw_cptr context, uint64_t *microseconds);
/* control: SchedControl. budget, period: microseconds. word: carried by its Timeout faults. */
static inline bw_err bw_sched_control_configure(bw_cptr control, bw_cptr context, uint64_t budget, uint64_t period, uint64_t word) {
    return bw_invoke(control, BW_INV_SCHED_CONTROL_CONFIGURE, 4, context, budget, period, word);
}

/* address: a multiple of 2 MiB. */
static inline bw_err bw_page_table_map(bw_cptr table, uint64_t address, bw_cptr vspace) { return bw_invoke(table, BW_INV_PAGE_TABLE_MAP, 2, address, vspace, 0, 0); }
static inline bw_err bw_page_table_unmap(bw_cptr table) { return bw_invoke(table, BW_INV_PAGE_TABLE_UNMAP, 0, 0, 0, 0, 0); }

/* rights: BW_RIGHT_READ, BW_RIGHT_WRITE, BW_MAP_EXECUTE. Errors: WriteXorExecute, MissingRight, AlignmentError, FailedLookup (no page table), DeleteFirst. */
static inline bw_err bw_frame_map(bw_cptr frame, uint64_t address, bw_cptr vspace, uint32_t rights) { return bw_invoke(frame, BW_INV_FRAME_MAP, 3, address, vspace, rights, 0); }
static inline bw_err bw_frame_unmap(bw_cptr frame) { return bw_invoke(frame, BW_INV_FRAME_UNMAP, 0, 0, 0, 0, 0); }

/* The interrupt may come again. Call it when the device no longer asserts it. */
static inline bw_err bw_irq_ack(bw_cptr handler) { return bw_invoke(handler, BW_INV_IRQ_HANDLER_ACK, 0, 0, 0, 0, 0); }
static inline bw_err bw_irq_set_notification(bw_cptr handler, bw_cptr notification) { return bw_invoke(handler, BW_INV_IRQ_HANDLER_SET_NOTIFICATION, 1, notification, 0, 0, 0); }
static inline bw_err bw_irq_clear(bw_cptr handler) { return bw_invoke(handler, BW_INV_IRQ_HANDLER_CLEAR, 0, 0, 0, 0, 0); }

/* address: where the device sees the frame; rights: what the device may do. */
static inline bw_err bw_iospace_map(bw_cptr iospace, bw_cptr frame, uint64_t address, uint32_t rights) { return bw_invoke(iospace, BW_INV_IOSPACE_MAP, 3, frame, address, rights, 0); }
static inline bw_err bw_iospace_unmap(bw_cptr iospace, bw_cptr frame) { return bw_invoke(iospace, BW_INV_IOSPACE_UNMAP, 1, frame, 0, 0, 0); }
/* notification: signalled when the device was refused an access; 0 for none. Needs the keeper's capability (Grant). */
static inline bw_err bw_iospace_set_notification(bw_cptr iospace, bw_cptr notification) { return bw_invoke(iospace, BW_INV_IOSPACE_SET_NOTIFICATION, 1, notification, 0, 0, 0); }
/* An access that the IOMMU refused. */
struct bw_dma_fault {
    uint64_t count; /* how many there have been */
    uint64_t address;
    uint32_t bytes;
    bool write;
};
/* number: from 0. WouldBlock: not so many yet; RangeError: too old to be kept. */
bw_err bw_iospace_read_fault(bw_cptr iospace, uint64_t number, struct bw_dma_fault *fault);

/* discrim: BW_SLOT_DISCRIM. What a capability is: kind (BW_KIND_..., BW_KIND_NULL: nothing), rights. */
bw_err bw_discrim_classify(bw_cptr discrim, bw_cptr cap, uint32_t *kind, uint32_t *rights);
/* The same, and what one must know of a CNode to look through it: bw_cnode_fetch takes the sum of its bits as the depth. */
struct bw_capability {
    uint32_t kind;
    uint32_t rights;
    uint32_t slot_bits;  /* of a CNode: log2 of its slots; 0 else */
    uint32_t guard_bits; /* of a CNode: the size of its guard; 0 else */
};
bw_err bw_discrim_describe(bw_cptr discrim, bw_cptr cap, struct bw_capability *is);
/* Whether whoever holds it can tell nobody anything by it. */
bw_err bw_discrim_is_discreet(bw_cptr discrim, bw_cptr cap, bool *discreet);
/* 0 different objects, 1 the same object, 3 the same object and badge. */
bw_err bw_discrim_same(bw_cptr discrim, bw_cptr a, bw_cptr b, uint32_t *same);
