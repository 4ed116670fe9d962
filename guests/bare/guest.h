/* guest.h: the parts of the guest and what each offers the others. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sbi.c: the firmware below. Source: RISC-V Supervisor Binary Interface 2.0. */
struct sbi_result {
    int64_t error;
    uint64_t value;
};
bool sbi_console_present(void);
/* Bytes taken, 0 on error. */
uint64_t sbi_console_write(const void *bytes, uint64_t count);
uint64_t sbi_console_read(void *bytes, uint64_t count);
void sbi_console_put_legacy(uint8_t byte);
void sbi_set_timer(uint64_t time);
uint64_t sbi_spec_version(void);
/* Neither comes back unless the firmware lacks the extension. */
enum reset { RESET_SHUTDOWN = 0, RESET_COLD_REBOOT = 1 };
enum reset_reason { REASON_NONE = 0, REASON_FAILURE = 1 };
void sbi_reset(enum reset kind, enum reset_reason reason);

/* devicetree.c: what the machine says of itself. Source: Devicetree Specification 0.4, chapter 5. */
struct machine {
    uint64_t tree;
    uint64_t tree_bytes;
    uint64_t ram;
    uint64_t ram_bytes;
    uint64_t initrd;
    uint64_t initrd_end;
    uint32_t timebase;
    const char *bootargs;
    /* 0 where there is none. */
    uint64_t uart;
    uint32_t uart_irq;
    uint64_t plic;
    uint32_t plic_context;
};
/* False when there is no device tree at this address, or it is damaged. */
bool devicetree_read(uint64_t address, struct machine *machine);

/* console.c: text out and in. */
void console_init(const struct machine *machine, bool interactive);
void put(char c);
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
/* The next byte of input, when there is one. */
uint8_t console_wait(void);
/* The external interrupt, and the timer for machines without a serial line that interrupts. */
void console_interrupt(void);
void console_poll(void);

/* trap.c: interrupts and exceptions. */
void trap_init(uint32_t timebase);
uint64_t trap(uint64_t cause, uint64_t epc, uint64_t tval);
uint64_t now(void);
uint64_t ticks(void);
/* Sleeps until an interrupt is there; when they are held, it is taken on release. */
void idle(void);
void interrupts_hold(void);
void interrupts_release(void);
/* No interrupt can come any more. */
void interrupts_off(void);
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *format, ...);

/* An exception that the code between expect_trap and took_trap may meet: it is noted, and the instruction skipped. */
struct trapped {
    bool came;
    uint64_t cause;
    uint64_t epc;
    uint64_t tval;
};
void expect_trap(void);
struct trapped took_trap(void);

/* paging.c: Sv39. False, with a line of text, when something is not as it must be. */
bool paging_test(void);

/* virtio.c: a virtio device with one queue in use, polled. Set `registers` and `queue`; the rest is the driver's. */
enum { VIRTIO_QUEUE_SIZE = 2 };
struct virtio_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
struct virtio {
    volatile uint32_t *registers;
    uint32_t queue;
    bool ready;
    struct virtio_descriptor descriptors[VIRTIO_QUEUE_SIZE] __attribute__((aligned(16)));
    volatile struct {
        uint16_t flags, index, ring[VIRTIO_QUEUE_SIZE];
    } available __attribute__((aligned(2)));
    volatile struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[VIRTIO_QUEUE_SIZE];
    } used __attribute__((aligned(4)));
};
/* The number of the device in this slot, 0 for none that this driver knows how to talk to. */
uint32_t virtio_device(uint64_t address);
/* Gives the device the bytes, to read or to write, and waits. `written`: how many it wrote. False: no device, or it does not answer in a second. */
bool virtio_transfer(struct virtio *v, void *bytes, uint32_t count, bool device_writes, uint32_t *written);

/* peripherals.c: what is done with them. */
void virtio_found(uint64_t address);
bool entropy_read(uint8_t *bytes, uint32_t count);
/* Tells the VMM how the commands ended; nothing happens where no one listens. */
void control_exit(bool right);

/* commands.c: the commands. */
/* Runs one line; false when there is no such command or it failed. */
bool command(const char *line);
/* Says what machine this is. */
void commands_init(const struct machine *machine);

/* text.c: bytes and strings, as in C. */
void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memset(void *to, int value, size_t count);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
/* The first place of `part` in `text`, NULL for none. */
const char *find(const char *text, const char *part);
bool starts(const char *text, const char *with);
typedef void sink(char c);
__attribute__((format(printf, 2, 0))) void format_text(sink *out, const char *format, va_list arguments);
