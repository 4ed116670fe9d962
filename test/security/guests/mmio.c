/* Loads and stores of every size, aligned or not, in and around every device window; atomics there; jumps into them. */
#include "hostile.h"

static void touch(uint64_t address, uint64_t value, unsigned kind) {
    switch (kind & 7) {
    case 0: *(volatile uint8_t *)address = (uint8_t)value; break;
    case 1: *(volatile uint16_t *)address = (uint16_t)value; break;
    case 2: *(volatile uint32_t *)address = (uint32_t)value; break;
    case 3: *(volatile uint64_t *)address = value; break;
    case 4: (void)*(volatile uint8_t *)address; break;
    case 5: (void)*(volatile uint16_t *)address; break;
    case 6: (void)*(volatile uint32_t *)address; break;
    default: (void)*(volatile uint64_t *)address; break;
    }
}

/* The serial port's data register prints what it is given: the test wants to read what we say. */
static int prints(uint64_t address) { return address < UART + 8 && address + 8 > UART; }

static void window(uint64_t base, uint64_t bytes, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        const uint64_t at = base + chance() % bytes;
        if (!prints(at)) touch(at, chance(), (unsigned)chance());
    }
}

void guest_main(uint64_t hart, uint64_t tree) {
    (void)hart, (void)tree;
    for (unsigned kind = 0; kind < 8; kind++) {
        for (uint64_t slot = 0; slot < VIRTIO_SLOTS; slot++) {
            for (uint64_t offset = 0; offset < 0x200; offset += 1) touch(VIRTIO(slot) + offset, chance(), kind);
        }
        for (uint64_t slot = 16; slot <= 18; slot++) {
            for (uint64_t offset = 0; offset < 0x200; offset += 1) touch(VIRTIO(slot) + offset, chance(), kind);
        }
        for (uint64_t offset = 0; offset < 0x100; offset++) touch(PLIC + offset, chance(), kind);
        for (uint64_t offset = 0; offset < 0x20; offset++) touch(RTC + offset, chance(), kind);
    }
    say("every register\n");
    window(PLIC, PLIC_BYTES, 2000);
    window(PLIC + 0x1000, 0x2000, 2000);
    window(PLIC + 0x200000, 0x10, 2000);
    window(UART + 8, 0xff8, 1000);
    for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++) window(VIRTIO(slot), 0x1000, 500);
    say("at random\n");
    static const uint64_t edges[] = {PLIC, PLIC + PLIC_BYTES, UART, WINDOW_END, RAM, RAM_END, 0, 1UL << 31, 1UL << 32, 1UL << 38, 1UL << 47, 1UL << 55, 1UL << 63};
    for (unsigned i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        for (unsigned kind = 0; kind < 8; kind++) {
            for (unsigned off = 1; off <= 8; off++) touch(edges[i] - off, 0, kind);
        }
    }
    say("across the edges\n");
    uint64_t value = 1;
    for (uint64_t slot = 0; slot < 4; slot++) {
        const uint64_t at = VIRTIO(slot) + 0x70;
        __asm__ volatile("amoadd.w %0, %0, (%1)" : "+r"(value) : "r"(at) : "memory");
        __asm__ volatile("amoswap.d %0, %0, (%1)" : "+r"(value) : "r"(at) : "memory");
        __asm__ volatile("lr.w %0, (%1)" : "=r"(value) : "r"(at) : "memory");
        __asm__ volatile("sc.w %0, %0, (%1)" : "+r"(value) : "r"(at) : "memory");
        __asm__ volatile("fld fa0, 0(%0)\nfsd fa0, 0(%0)" ::"r"(at) : "fa0", "memory");
    }
    say("atomics\n");
    static const uint64_t nowhere[] = {VIRTIO(0), PLIC, 0, 0x20000000, RAM_END, 1UL << 40, UINT64_MAX - 1};
    for (unsigned i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        __asm__ volatile("jalr ra, (%0)" ::"r"(nowhere[i]) : "ra", "memory");
    }
    say_number("alive after ", trapped.count, " exceptions\n");
}
