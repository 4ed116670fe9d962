/* noise.c: a guest that harms its neighbours as well as it can, in one way (KIND), for ever. */
#include "driver.h"

enum { IDLE, LOOP, STORM, CONSOLE, DISK, NETWORK };
enum { CONSOLE_WRITE = 0, ALL_INTERRUPTS = 1 << 1 | 1 << 5 | 1 << 9, SIE = 2 };
enum { LARGE = 2 << 20, OUT = 3, LINE = 2048 };

static void idle(void) { __asm__ volatile("wfi"); }

/* A timer that is due, an interrupt to itself, and accesses to devices, without end. The handler masks each kind that it has had. */
static void storm(void) {
    (void)sbi(SBI_TIME, 0, 0, 0, 0);
    (void)sbi(SBI_IPI, 0, 1, 0, 0);
    __asm__ volatile("csrs sie, %0\n csrsi sstatus, %1\n nop\n csrci sstatus, %1\n csrci sip, 2" ::"r"((uint64_t)ALL_INTERRUPTS), "i"(SIE) : "memory");
    for (unsigned i = 0; i < 4; i++) *word(PLIC + 4) = *word(UART & ~3UL), *word(VIRTIO(0) + QUEUE_SELECT) = *word(VIRTIO(0) + DEVICE_ID);
}

static void console(void) {
    static char line[LINE];
    for (unsigned i = 0; i < LINE; i++) line[i] = i % 64 == 63 ? '\n' : '!';
    for (;;) (void)sbi(SBI_CONSOLE, CONSOLE_WRITE, LINE, (uintptr_t)line, 0);
}

/* The upper half of RAM is read and written, as much at once as there is. */
static void disk(void) {
    for (unsigned turn = 0, head = 0;; turn++) {
        if (turn >= OUT && !next_used(&disk_queue, UINT64_MAX, &head)) continue;
        const unsigned i = turn < OUT ? turn : head / 3;
        ask_disk(i, turn % 2 == 0 ? WRITE_SECTORS : READ_SECTORS, 0, (volatile void *)(RAM + RAM_BYTES / 2 + (uint64_t)i * LARGE), LARGE);
    }
}

/* Frames of the greatest length to everybody. */
static void network(void) {
    for (unsigned i = 0; i < MOST; i++) {
        struct frame *frame = &gone[i];
        for (unsigned j = 0; j < 6; j++) frame->bytes[j] = 255, frame->bytes[6 + j] = mac[j];
        frame->bytes[FRAME_TYPE] = 0x88, frame->bytes[FRAME_TYPE + 1] = 0xb6;
        send_frame(i, MOST_FRAME);
    }
    notify(NET_SLOT, 1);
    for (unsigned head = 0;;) {
        if (next_used(&go, UINT64_MAX, &head)) offer(&go, head);
        while (go.used.index != go.seen && next_used(&go, 0, &head)) offer(&go, head);
        notify(NET_SLOT, 1);
    }
}

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    const bool there = KIND == DISK ? start_disk() : KIND == NETWORK ? start_net() : true;
    if (!there) return;
    __asm__ volatile("csrs sie, %0" ::"r"((uint64_t)SIE_TIMER));
    for (;;) {
        if (KIND == IDLE) idle();
        if (KIND == STORM) storm();
        if (KIND == CONSOLE) console();
        if (KIND == DISK) disk();
        if (KIND == NETWORK) network();
    }
}
