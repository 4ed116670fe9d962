/*
 * peripherals.c: the virtio devices this guest knows: an entropy device, and the second console, which a VMM of this kit listens to for the status of
 * what was run (vmm/README.md). Source: Virtual I/O Device 1.2, 5.3 (console), 5.4 (entropy).
 */
#include "guest.h"

enum { DEVICE_CONSOLE = 3, DEVICE_ENTROPY = 4 };
enum { ENTROPY_QUEUE = 0, CONSOLE_TRANSMIT_QUEUE = 1 };

static struct virtio entropy = {.queue = ENTROPY_QUEUE};
static struct virtio control = {.queue = CONSOLE_TRANSMIT_QUEUE};
/* Of the consoles met so far, the one in the lowest slot. */
static uint64_t first_console;

void virtio_found(uint64_t address) {
    switch (virtio_device(address)) {
    case DEVICE_ENTROPY:
        entropy.registers = (volatile uint32_t *)address;
        break;
    case DEVICE_CONSOLE:
        if (first_console != 0) control.registers = (volatile uint32_t *)(address > first_console ? address : first_console);
        if (first_console == 0 || address < first_console) first_console = address;
        break;
    }
}

bool entropy_read(uint8_t *bytes, uint32_t count) {
    uint32_t written = 0;
    return virtio_transfer(&entropy, bytes, count, true, &written) && written == count;
}

void control_exit(bool right) {
    char line[] = "exit 0\n";
    uint32_t written = 0;
    if (!right) line[sizeof "exit " - 1] = '1';
    (void)virtio_transfer(&control, line, sizeof line - 1, false, &written);
}
