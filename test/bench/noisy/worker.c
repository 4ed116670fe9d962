/*
 * worker.c: a guest that behaves. It does one kind of work (WORK) TIMES times and says how long that took: `worker: TICKS`, of 100 ns; or does it for ever (ENDLESS), a neighbour that uses all its share.
 * What comes out of the work is checked.
 */
#include "driver.h"

enum { COMPUTE, DISK, NET_ECHO, CONSOLE };
enum { SECTORS = 4096 / 512, PART = 4096 };

static bool wrong;

static void compute(void) {
    for (unsigned i = 0; i < 1000; i++) wrong = wrong || chance() == 0;
}

/* Nobody has ever written to this guest's part of the disk. */
static void disk(void) {
    static uint64_t page[512];
    static unsigned turn;
    unsigned head = 0;
    page[0] = page[511] = UINT64_MAX;
    ask_disk(0, READ_SECTORS, (uint64_t)(turn++ % PART) * SECTORS, page, sizeof page);
    wrong = !next_used(&disk_queue, now() + 30 * SECOND, &head) || requests[0].status != 0 || page[0] != 0 || page[511] != 0 || wrong;
}

/* A frame to the mirror, first to everybody, and back. One that is lost is sent again. */
static void net_echo(void) {
    static uint8_t peer[6] = {255, 255, 255, 255, 255, 255};
    static uint32_t number;
    struct frame *out = &gone[0];
    number++;
    for (unsigned tries = 0; tries < 100; tries++) {
        for (unsigned i = 0; i < 6; i++) out->bytes[i] = peer[i], out->bytes[6 + i] = mac[i];
        out->bytes[FRAME_TYPE] = 0x88, out->bytes[FRAME_TYPE + 1] = 0xb5;
        for (unsigned i = 0; i < 4; i++) out->bytes[14 + i] = (uint8_t)(number >> 8 * i);
        send_frame(0, 64);
        notify(NET_SLOT, 1);
        for (const uint64_t until = now() + SECOND / 10; now() < until;) {
            unsigned head = 0;
            if (!next_used(&come, until, &head)) break;
            const uint8_t *in = came[head % MOST].bytes;
            uint32_t is = 0;
            for (unsigned i = 0; i < 4; i++) is |= (uint32_t)in[14 + i] << 8 * i;
            const bool mine = in[FRAME_TYPE] == 0x88 && in[FRAME_TYPE + 1] == 0xb5 && in[0] == mac[0] && in[5] == mac[5] && is == number;
            for (unsigned i = 0; mine && i < 6; i++) peer[i] = in[6 + i];
            offer(&come, head % MOST);
            notify(NET_SLOT, 0);
            if (mine) return;
        }
    }
    wrong = true;
}

static void console(void) { say("a line of some length, as a program prints it when it has something to tell\n"); }

static void (*const works[])(void) = {compute, disk, net_echo, console};

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    wrong = (WORK == DISK && !start_disk()) || (WORK == NET_ECHO && !start_net());
    void (*const work)(void) = works[WORK];
    while (ENDLESS && !wrong) work();
    /* Translated, and the neighbour at what it does. */
    for (unsigned i = 0; i < TIMES / 4 + 1; i++) work();
    for (const uint64_t until = now() + SECOND * 3 / 10; now() < until;) rest(until);
    say("begin\n");
    const uint64_t from = now();
    for (unsigned i = 0; i < TIMES; i++) work();
    const uint64_t ticks = now() - from;
    say(wrong ? "WRONG\n" : "");
    say_number("took ", ticks, "\n");
    /* Whoever measures ends the machine: he looks at the kernel's books first. */
    for (;;) rest(UINT64_MAX);
}
