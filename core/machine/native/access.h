/* The load or store that trapped, decoded: what a device access needs once the hart has refused it.
 *
 * Device windows are not memory of the engine: its PMP denies them, so that an access arrives as an ordinary access fault,
 * exact on every engine version (a stop inside the engine's own MMIO callback is not: 2.1.1 rewinds pc to the start of the
 * block and keeps the registers). The access is then carried out here: answer it, write the register, step over it.
 *
 * Integer loads and stores of naturally aligned addresses only. Atomics, floating point and misaligned accesses to a device
 * stay access faults, as on a bus that cannot do them.
 * Source: RISC-V Unprivileged ISA 20191213, chapters 2, 5, 16.
 */
#pragma once
#include "engine.h"

namespace bailiwick {

struct Access {
    u64 address = 0;    /* virtual */
    unsigned size = 0;  /* bytes; 0: not an access that a device can answer */
    unsigned length = 0; /* bytes of the instruction */
    unsigned reg = 0;   /* destination of a load, source of a store */
    bool write = false, extend = false;

    /* What a load puts in its register. */
    u64 loaded(u64 value) const {
        const unsigned unused = 64 - 8 * size;
        return extend ? static_cast<u64>(static_cast<int64_t>(value << unused) >> unused) : value << unused >> unused;
    }
    /* What a store writes. */
    u64 stored(u64 value) const { return value << (64 - 8 * size) >> (64 - 8 * size); }
};

/* x(i) → the value of register i. */
template <typename Registers> Access decodeAccess(u32 insn, Registers x) {
    auto bits = [insn](unsigned high, unsigned low) { return insn >> low & ((2u << (high - low)) - 1); };
    Access a;
    if ((insn & 3) == 3) {
        const u32 opcode = bits(6, 0), width = bits(14, 12);
        const int32_t immediate = static_cast<int32_t>(insn);
        a.length = 4;
        if (opcode == 0x03 && width != 7) { /* lb lh lw ld lbu lhu lwu */
            a.reg = bits(11, 7), a.extend = width < 4, a.size = 1u << (width & 3);
            a.address = x(bits(19, 15)) + static_cast<u64>(static_cast<int64_t>(immediate >> 20));
        } else if (opcode == 0x23 && width < 4) { /* sb sh sw sd */
            a.reg = bits(24, 20), a.write = true, a.size = 1u << width;
            a.address = x(bits(19, 15)) + static_cast<u64>(static_cast<int64_t>((immediate >> 25) * 32)) + bits(11, 7);
        }
    } else {
        const u32 quadrant = bits(1, 0), function = bits(15, 13);
        const bool wide = function & 1; /* ld, sd; else lw, sw */
        a.length = 2, a.extend = true;
        if ((quadrant == 0 || quadrant == 2) && (function == 2 || function == 3 || function == 6 || function == 7)) {
            a.write = function >= 6, a.size = wide ? 8 : 4;
            if (quadrant == 0) { /* c.lw c.ld c.sw c.sd */
                a.reg = 8 + bits(4, 2);
                a.address = x(8 + bits(9, 7)) + (bits(12, 10) << 3) + (wide ? bits(6, 5) << 6 : bits(6, 6) << 2 | bits(5, 5) << 6);
            } else if (a.write) { /* c.swsp c.sdsp */
                a.reg = bits(6, 2);
                a.address = x(2) + (wide ? bits(12, 10) << 3 | bits(9, 7) << 6 : bits(12, 9) << 2 | bits(8, 7) << 6);
            } else { /* c.lwsp c.ldsp */
                a.reg = bits(11, 7);
                a.address = x(2) + (bits(12, 12) << 5) + (wide ? bits(6, 5) << 3 | bits(4, 2) << 6 : bits(6, 4) << 2 | bits(3, 2) << 6);
            }
        }
    }
    if (a.size && a.address % a.size) a.size = 0;
    return a;
}

/* An atomic reads first, so the engine reports the faults of its read as those of a load; only lr is one. */
inline bool isStoreLike(u32 insn) { return (insn & 0x7f) == 0x2f && insn >> 27 != 2; }

} // namespace bailiwick
