/* The core-local interruptor of a guest whose harts have a machine mode: software interrupts and timers of all of them.
 *
 * Source: SiFive FU540-C000 manual, chapter 9; the place is that of QEMU's virt board, which firmware is told of by its device tree.
 */
#pragma once
#include "guest.h"

namespace bailiwick {

struct Clint {
    static constexpr u64 BASE = 0x2000000, BYTES = 0x10000;
    static bool has(u64 guestPhysical) { return guestPhysical - BASE < BYTES; }
    /* size: 4 or 8 bytes, aligned; others read as 0 and change nothing, as registers do that are not there. */
    static u64 read(const Guest &, u64 offset, unsigned size);
    /* True when another hart has something to look at. */
    static bool write(Guest &, u64 offset, unsigned size, u64 value);
};

} // namespace bailiwick
