/*
 * syscall.h: messages and the ten system calls.
 *
 * A system call takes its number in a7, a CPtr in a0, the info word in a1, words 0..3 in a2..a5 and a reply object in a6; it gives back a badge
 * in a0, an info word in a1 and words 0..3, and changes no other register. Words from 4 on and capabilities pass through the IPC buffer.
 * Source: caps/abi/message.ts.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/abi.h>

/* A capability's place in this program's CSpace: its slot number. 0 names none. CPtrs have 32 bits; the guard of the root CNode covers the upper ones. */
typedef uint64_t bw_cptr;
/* All bits of a CPtr: with this depth an index in BW_SLOT_CNODE is the CPtr itself. */
#define BW_DEPTH 32
/* 0, or one of BW_ERR_...: what the kernel said. A server's own refusals are labels of its answers, never this. */
typedef uint32_t bw_err;

/* What a system call gives back, the registers as they are. */
struct bw_msg {
    uint64_t badge;
    uint64_t info;
    uint64_t w[BW_REGISTER_WORDS];
};

/* The IPC buffer of this thread. words[0..3] are the program's own to use: the kernel passes those four in registers. */
struct bw_ipc {
    uint64_t receive_count;
    uint64_t words[BW_MAX_WORDS];
    uint64_t user_data;
    uint64_t caps[BW_MAX_CAPS];
    uint64_t receive_cnode;
    uint64_t receive_index;
    uint64_t receive_depth;
};
_Static_assert(offsetof(struct bw_ipc, receive_count) == 8 * BW_IPC_RECEIVE_COUNT, "receive_count");
_Static_assert(offsetof(struct bw_ipc, words) == 8 * BW_IPC_WORDS, "words");
_Static_assert(offsetof(struct bw_ipc, user_data) == 8 * BW_IPC_USER_DATA, "user_data");
_Static_assert(offsetof(struct bw_ipc, caps) == 8 * BW_IPC_CAPS, "caps");
_Static_assert(offsetof(struct bw_ipc, receive_cnode) == 8 * BW_IPC_RECEIVE_CNODE, "receive_cnode");
_Static_assert(offsetof(struct bw_ipc, receive_index) == 8 * BW_IPC_RECEIVE_INDEX, "receive_index");
_Static_assert(offsetof(struct bw_ipc, receive_depth) == 8 * BW_IPC_RECEIVE_DEPTH, "receive_depth");
_Static_assert(sizeof(struct bw_ipc) == BW_IPC_BYTES, "IPC buffer");

/* The start code keeps the buffer's address in tp, so that each thread finds its own. A thread made later is given its tp with bw_tcb_set_tls. */
static inline struct bw_ipc *bw_ipc(void) {
    struct bw_ipc *buffer;
    __asm__("mv %0, tp" : "=r"(buffer));
    return buffer;
}

/* An info word. label 0..2^19-1, words 0..120, caps 0..3. */
static inline uint64_t bw_info(uint32_t label, uint32_t words, uint32_t caps) {
    return (uint64_t)(label & BW_INFO_LABEL_MASK) << BW_INFO_LABEL_SHIFT | (caps & BW_INFO_CAPS_MASK) << BW_INFO_CAPS_SHIFT | (words & BW_INFO_LENGTH_MASK);
}
static inline uint32_t bw_label(const struct bw_msg *m) { return (uint32_t)(m->info >> BW_INFO_LABEL_SHIFT) & BW_INFO_LABEL_MASK; }
/* Words that the message has, 0..120. */
static inline uint32_t bw_length(const struct bw_msg *m) { return (uint32_t)m->info & BW_INFO_LENGTH_MASK; }
/* Capabilities that came with it, 0..3. */
static inline uint32_t bw_caps(const struct bw_msg *m) { return (uint32_t)(m->info >> BW_INFO_CAPS_SHIFT) & BW_INFO_CAPS_MASK; }
/* One bit for each of them that arrived as its badge (in the IPC buffer's caps) because it names the receiver's own endpoint. */
static inline uint32_t bw_unwrapped(const struct bw_msg *m) { return (uint32_t)(m->info >> BW_INFO_UNWRAPPED_SHIFT) & ((1U << BW_MAX_CAPS) - 1); }
/* The kernel's error, 0 for a message. */
static inline bw_err bw_error(const struct bw_msg *m) { return (m->info & BW_INFO_ERROR) != 0 ? bw_label(m) : 0; }

/* The trap itself. Every system call below is one use of it. */
static inline struct bw_msg bw_trap(uint64_t number, bw_cptr cap, uint64_t info, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3, bw_cptr reply) {
    register uint64_t a0 __asm__("a0") = cap;
    register uint64_t a1 __asm__("a1") = info;
    register uint64_t a2 __asm__("a2") = w0;
    register uint64_t a3 __asm__("a3") = w1;
    register uint64_t a4 __asm__("a4") = w2;
    register uint64_t a5 __asm__("a5") = w3;
    register uint64_t a6 __asm__("a6") = reply;
    register uint64_t a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5) : "r"(a6), "r"(a7) : "memory");
    return (struct bw_msg){.badge = a0, .info = a1, .w = {a2, a3, a4, a5}};
}

/* Send to a server and wait for its answer, or invoke a kernel object. Errors: those of the object; Broken when the server is gone. */
static inline struct bw_msg bw_call(bw_cptr cap, uint64_t info, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    return bw_trap(BW_SYS_CALL, cap, info, w0, w1, w2, w3, 0);
}

/* Call with all words from the IPC buffer: words[0..length-1]. The answer's words are there afterwards, the first four too. */
static inline struct bw_msg bw_call_buffer(bw_cptr cap, uint32_t label, uint32_t length, uint32_t caps) {
    uint64_t *w = bw_ipc()->words;
    struct bw_msg m = bw_call(cap, bw_info(label, length, caps), w[0], w[1], w[2], w[3]);
    for (size_t i = 0; i < BW_REGISTER_WORDS; i++) w[i] = m.w[i];
    return m;
}

/* Answer the caller that `reply` holds, then wait on `endpoint`; the next caller is held by the same reply object. */
static inline struct bw_msg bw_reply_recv(bw_cptr endpoint, bw_cptr reply, uint64_t info, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    return bw_trap(BW_SYS_REPLY_RECV, endpoint, info, w0, w1, w2, w3, reply);
}

/* Wait for a message, or a signal of the notification bound to this thread. reply: a free reply object, or 0: then callers are refused. */
static inline struct bw_msg bw_recv(bw_cptr endpoint, bw_cptr reply) { return bw_trap(BW_SYS_RECV, endpoint, 0, 0, 0, 0, 0, reply); }
/* Error WouldBlock when nothing waits. */
static inline struct bw_msg bw_nb_recv(bw_cptr endpoint, bw_cptr reply) { return bw_trap(BW_SYS_NB_RECV, endpoint, 0, 0, 0, 0, 0, reply); }

/* Send without asking for an answer. On a reply object: the answer itself, which never blocks. */
static inline bw_err bw_send(bw_cptr cap, uint64_t info, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    struct bw_msg m = bw_trap(BW_SYS_SEND, cap, info, w0, w1, w2, w3, 0);
    return bw_error(&m);
}
/* Send when a receiver waits; else the message is dropped in silence. */
static inline bw_err bw_nb_send(bw_cptr cap, uint64_t info, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    struct bw_msg m = bw_trap(BW_SYS_NB_SEND, cap, info, w0, w1, w2, w3, 0);
    return bw_error(&m);
}

/* Add the capability's badge to the notification's word. */
static inline bw_err bw_signal(bw_cptr notification) {
    struct bw_msg m = bw_trap(BW_SYS_SIGNAL, notification, 0, 0, 0, 0, 0, 0);
    return bw_error(&m);
}
/* Wait until the notification's word is not 0 and take it (as the badge). */
static inline struct bw_msg bw_wait(bw_cptr notification) { return bw_trap(BW_SYS_WAIT, notification, 0, 0, 0, 0, 0, 0); }
/* Take the notification's word. Error WouldBlock when it is 0. */
static inline struct bw_msg bw_poll(bw_cptr notification) { return bw_trap(BW_SYS_POLL, notification, 0, 0, 0, 0, 0, 0); }

/* Give the rest of this slice to other threads of the same priority. */
static inline void bw_yield(void) { (void)bw_trap(BW_SYS_YIELD, 0, 0, 0, 0, 0, 0, 0); }

/* From now on received capabilities go to `count` (0..3) slots of this program's own CSpace, from `first` on. An occupied slot takes none. */
static inline void bw_receive_slots(bw_cptr first, uint32_t count) {
    struct bw_ipc *buffer = bw_ipc();
    buffer->receive_cnode = BW_SLOT_CNODE;
    buffer->receive_index = first;
    buffer->receive_depth = BW_DEPTH;
    buffer->receive_count = count;
}

/* For a library's call that receives: the slots as they were, to be given to bw_receive_as afterwards. */
struct bw_receive {
    uint64_t count, cnode, index, depth;
};
static inline struct bw_receive bw_receive_into(bw_cptr first, uint32_t count) {
    const struct bw_ipc *b = bw_ipc();
    const struct bw_receive before = {b->receive_count, b->receive_cnode, b->receive_index, b->receive_depth};
    bw_receive_slots(first, count);
    return before;
}
static inline void bw_receive_as(struct bw_receive before) {
    struct bw_ipc *b = bw_ipc();
    b->receive_count = before.count, b->receive_cnode = before.cnode, b->receive_index = before.index, b->receive_depth = before.depth;
}

/* "MissingRight" for BW_ERR_MISSING_RIGHT; "none" for 0, "unknown" for a number that is no error code. */
const char *bw_error_name(bw_err error);
/* "VMFault" for BW_FAULT_VM_FAULT, as above. */
const char *bw_fault_name(uint32_t fault);
