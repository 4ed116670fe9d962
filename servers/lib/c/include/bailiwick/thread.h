/*
 * thread.h: more threads of a program, in its own VSpace and CSpace. Each has a stack with an unmapped guard page below it, an IPC buffer and its own tp,
 * which is the buffer's address (bw_ipc). Nothing is hidden: the caller says which memory pays, which slots and addresses are used, whose time it runs on.
 *
 * A thread runs on a SchedContext that is bound to it (bw_sched_context_bind), or, as a passive server, on its callers' time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/objects.h>

#define BW_PAGE 4096UL
#define BW_PAGE_BITS 12U

/* Where a thread may be put. */
struct bw_thread_room {
    /* Pays: 2 KiB for the TCB, a page for the IPC buffer and one for each page of the stack. */
    bw_cptr untyped;
    /* Empty slots of BW_SLOT_CNODE from here on: BW_THREAD_SLOTS(stack_pages). */
    bw_cptr slots;
    /* Unmapped pages from here on, BW_THREAD_PAGES(stack_pages), where page tables are: those from BW_THREAD_ADDRESSES on are free in every program. */
    uint64_t address;
    /* 1..64. */
    uint32_t stack_pages;
};
#define BW_THREAD_SLOTS(stack_pages) (2U + (stack_pages))
/* Guard page, stack, IPC buffer. */
#define BW_THREAD_PAGES(stack_pages) (2U + (stack_pages))
/* Behind the IPC buffer of the first thread, under the page table that it has: room up to BW_THREAD_ADDRESSES_END. */
#define BW_THREAD_ADDRESSES (BW_ADDRESS_IPC_BUFFER + BW_PAGE)
#define BW_THREAD_ADDRESSES_END BW_ADDRESS_ARGUMENTS

/* A thread that was made; it stays where it is as long as the thread lives. */
struct bw_thread {
    bw_cptr tcb;
    /* The frame of its IPC buffer, and its address. */
    bw_cptr buffer_frame;
    uint64_t buffer;
    uint64_t stack_top;
    void (*run)(void *argument);
    void *argument;
    /* Signalled when it is done; 0: nobody is. Set before the start. */
    bw_cptr finished;
    /* `run` has returned; its memory may be taken away. */
    volatile bool done;
};

/*
 * Makes a thread that does not run yet: named, with the caller's VSpace and CSpace, stack and buffer mapped, priority 0 (bw_tcb_set_priority), no time.
 * keeper: endpoint that its faults are sent to, 0 for none. Errors: those of Retype, FrameMap and the TCB's invocations; what was made until then stays in its slots.
 */
bw_err bw_thread_make(struct bw_thread *thread, const struct bw_thread_room *room, const char *name, bw_cptr keeper);

/* Lets it run `run(argument)`. When that returns the thread is done: it signals `finished` and stops for good. */
bw_err bw_thread_start(struct bw_thread *thread, void (*run)(void *), void *argument);

/* Waits until the thread is done, by its `finished` notification, which must not be bound. */
void bw_thread_join(struct bw_thread *thread);
