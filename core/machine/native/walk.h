/* A page-table walk by hand, to read the instruction that trapped and to find the device that it meant.
 *
 * Read-only: the hart has been through this mapping already, so permissions are not judged again and accessed bits not set.
 * What cannot be followed (a table outside memory, a missing entry) gives nothing.
 * Source: RISC-V Privileged Architecture 1.12, 4.4 to 4.6 (Sv39, Sv48, Sv57).
 */
#pragma once
#include <optional>
#include "engine.h"

namespace bailiwick {

/* Physical address of a virtual one. memory(physical address, length) → host pointer, or nullptr when that is not memory. */
template <typename Memory> std::optional<u64> translate(u64 satp, u64 virt, Memory memory) {
    u64 mode = satp >> 60, table = (satp & 0xfffffffffff) << 12;
    if (mode == 0) return virt;
    if (mode < 8 || mode > 10) return {};
    for (int level = static_cast<int>(mode) - 6; level >= 0; level--) {
        const unsigned char *at = memory(table + (virt >> (12 + 9 * level) & 511) * 8, 8);
        if (!at) return {};
        u64 entry;
        memcpy(&entry, at, 8);
        if (!(entry & 1)) return {};
        table = (entry >> 10 & 0xfffffffffff) << 12;
        const u64 span = PAGE << 9 * level;
        if (entry & 0xe) return (table & ~(span - 1)) | (virt & (span - 1));
    }
    return {};
}

/* On whose behalf memory is reached: satp, mstatus, and the mode. */
struct Walker {
    u64 satp, status, privilege;
};

/* Physical address of a virtual one that is to be loaded from or stored to, as the hart itself would find it; nothing: a page fault. Accessed and dirty bits are set. */
template <typename Memory> std::optional<u64> walk(const Walker &as, u64 virt, bool write, Memory memory) {
    constexpr u64 VALID = 1, READ = 2, WRITE = 4, EXECUTE = 8, FOR_USER = 16, ACCESSED = 64, DIRTY = 128;
    const u64 mode = as.satp >> 60;
    if (mode == 0) return virt;
    if (mode < 8 || mode > 10) return {};
    const int levels = static_cast<int>(mode) - 5, unused = 64 - 12 - 9 * levels;
    if (static_cast<u64>(static_cast<int64_t>(virt << unused) >> unused) != virt) return {};
    u64 table = (as.satp & 0xfffffffffff) << 12;
    for (int level = levels - 1; level >= 0; level--) {
        unsigned char *const at = memory(table + (virt >> (12 + 9 * level) & 511) * 8, 8);
        if (!at) return {};
        u64 entry;
        memcpy(&entry, at, 8);
        if (!(entry & VALID) || (entry & (READ | WRITE)) == WRITE) return {};
        table = (entry >> 10 & 0xfffffffffff) << 12;
        if (!(entry & (READ | WRITE | EXECUTE))) continue;
        const u64 span = PAGE << 9 * level;
        if (table & (span - 1)) return {};
        if (entry & FOR_USER ? as.privilege == SUPERVISOR && !(as.status & status::SUM) : as.privilege == USER) return {};
        if (write ? !(entry & WRITE) : !(entry & READ) && !(as.status & status::MXR && entry & EXECUTE)) return {};
        entry |= ACCESSED | (write ? DIRTY : 0);
        memcpy(at, &entry, 8);
        return table | (virt & (span - 1));
    }
    return {};
}

/* The instruction at a virtual address: 16 or 32 bits, 0 when it cannot be read. */
template <typename Memory> u32 instructionAt(u64 satp, u64 pc, Memory memory) {
    uint16_t half[2] = {};
    for (unsigned i = 0; i < 2; i++) { /* by halves: an instruction may cross into another page */
        const std::optional<u64> physical = translate(satp, pc + 2 * i, memory);
        const unsigned char *at = physical ? memory(*physical, 2) : nullptr;
        if (!at) return 0;
        memcpy(&half[i], at, 2);
        if ((half[0] & 3) != 3) return half[0];
    }
    return half[0] | static_cast<u32>(half[1]) << 16;
}

} // namespace bailiwick
