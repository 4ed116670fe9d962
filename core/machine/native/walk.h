/* A page-table walk by hand, only to read the instruction that trapped.
 *
 * Read-only: no accessed bits are set and no permission is judged, for the hart has fetched through this mapping already.
 * What cannot be followed (a table outside memory, a missing entry) gives nothing.
 * Source: RISC-V Privileged Architecture 1.12, 4.4 to 4.6 (Sv39, Sv48, Sv57).
 */
#pragma once
#include "engine.h"

namespace bailiwick {

/* memory(physical address, length) → host pointer, or nullptr when that is not memory. */
template <typename Memory> const unsigned char *lookup(u64 satp, u64 virt, size_t bytes, Memory memory) {
    u64 mode = satp >> 60, table = (satp & 0xfffffffffff) << 12;
    if (mode == 0) return memory(virt, bytes);
    if (mode < 8 || mode > 10) return nullptr;
    for (int level = static_cast<int>(mode) - 6; level >= 0; level--) {
        const unsigned char *at = memory(table + (virt >> (12 + 9 * level) & 511) * 8, 8);
        if (!at) return nullptr;
        u64 entry;
        memcpy(&entry, at, 8);
        if (!(entry & 1)) return nullptr;
        table = (entry >> 10 & 0xfffffffffff) << 12;
        const u64 span = PAGE << 9 * level;
        if (entry & 0xe) return memory((table & ~(span - 1)) | (virt & (span - 1)), bytes);
    }
    return nullptr;
}

/* The instruction at a virtual address: 16 or 32 bits, 0 when it cannot be read. */
template <typename Memory> u32 instructionAt(u64 satp, u64 pc, Memory memory) {
    uint16_t half[2] = {};
    for (int i = 0; i < 2; i++) { /* by halves: an instruction may cross into another page */
        const unsigned char *at = lookup(satp, pc + 2 * i, 2, memory);
        if (!at) return 0;
        memcpy(&half[i], at, 2);
        if ((half[0] & 3) != 3) return half[0];
    }
    return half[0] | static_cast<u32>(half[1]) << 16;
}

} // namespace bailiwick
