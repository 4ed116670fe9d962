/* thread.c: more threads of a program. */
#include <bailiwick.h>

/* Registers by number. */
enum { PC = 0, RA = 1, SP = 2, GP = 3, TP = 4, A0 = 10 };
enum { MOST_STACK_PAGES = 64 };

static _Noreturn void first(struct bw_thread *thread) {
    thread->run(thread->argument);
    thread->done = true;
    if (thread->finished != 0) (void)bw_signal(thread->finished);
    for (;;) (void)bw_tcb_suspend(thread->tcb);
}

bw_err bw_thread_make(struct bw_thread *thread, const struct bw_thread_room *room, const char *name, bw_cptr keeper) {
    const uint32_t pages = room->stack_pages;
    if (pages < 1 || pages > MOST_STACK_PAGES) return BW_ERR_INVALID_ARGUMENT;
    const bw_cptr tcb = room->slots, frames = room->slots + 1;
    const uint64_t stack = room->address + BW_PAGE, buffer = stack + pages * BW_PAGE;
    *thread = (struct bw_thread){.tcb = tcb, .buffer_frame = frames + pages, .buffer = buffer, .stack_top = buffer};

    bw_err error = bw_untyped_retype(room->untyped, BW_KIND_TCB, 0, 1, BW_SLOT_CNODE, tcb);
    if (error == 0) error = bw_untyped_retype(room->untyped, BW_KIND_FRAME, BW_PAGE_BITS, pages + 1, BW_SLOT_CNODE, frames);
    for (uint32_t i = 0; i <= pages && error == 0; i++) error = bw_frame_map(frames + i, stack + i * BW_PAGE, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_tcb_set_label(tcb, name);
    if (error == 0) error = bw_tcb_set_space(tcb, keeper, BW_SLOT_CNODE, BW_SLOT_VSPACE);
    if (error == 0) error = bw_tcb_set_ipc_buffer(tcb, buffer, thread->buffer_frame);
    return error;
}

bw_err bw_thread_start(struct bw_thread *thread, void (*run)(void *), void *argument) {
    thread->run = run, thread->argument = argument, thread->done = false;
    uint64_t gp;
    __asm__("mv %0, gp" : "=r"(gp));
    const uint64_t registers[] = {[RA] = 0, [SP] = thread->stack_top, [GP] = gp, [TP] = thread->buffer};
    const uint64_t a0 = (uint64_t)thread, pc = (uint64_t)&first;
    bw_err error = bw_tcb_write_registers(thread->tcb, RA, &registers[RA], TP, false);
    if (error == 0) error = bw_tcb_write_registers(thread->tcb, A0, &a0, 1, false);
    if (error == 0) error = bw_tcb_write_registers(thread->tcb, PC, &pc, 1, true);
    return error;
}

void bw_thread_join(struct bw_thread *thread) {
    while (!thread->done) (void)bw_wait(thread->finished);
}
