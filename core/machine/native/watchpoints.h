/* Memory that a debugger wants to hear of: which loads and stores touch it.
 *
 * The engine's hooks on accesses tell physical addresses, and of an access across two pages more than one, differently from version to version. So they only say that something may have been
 * touched: an offset in a page is the same virtually and physically. Then the instruction is decoded, whose addresses are virtual. An access that traps is none.
 * gdb wants to be told before the access, as RISC-V's triggers do, and the engine does not stop there. So it stops before the next instruction, and the one that accessed is taken back: its
 * registers and what it stored. But for a store-conditional: it would never succeed, since a reservation ends with each stop. That is told of when it is done.
 * Source: RISC-V Unprivileged ISA 20191213, chapters 2, 5, 8, 11, 12 and 16.
 */
#pragma once
#include <optional>
#include <vector>
#include "engine.h"

namespace bailiwick {

constexpr u64 LOADS = 1, STORES = 2;
constexpr u64 MOST_WATCHED_BYTES = PAGE;

/* Virtual; kinds: LOADS, STORES, or both. */
struct Watchpoint {
    u64 address, bytes, kinds;
};

/* What an instruction loads from or stores to: kinds is 0 when it does neither. */
struct Touch {
    u64 address = 0, bytes = 0, kinds = 0;
};

inline bool isStoreConditional(u32 insn) { return (insn & 0x7f) == 0x2f && insn >> 27 == 3; }

/* What takes an instruction back: a context's bytes from before it, and those of memory that it stores to. Empty: nothing is to be. */
struct Undo {
    struct Byte {
        u64 physical;
        unsigned char *at, was;
    };
    std::vector<char> registers;
    std::vector<Byte> bytes;

    /* locate(virtual address) → physical address, if there is one; memory as for translate() of walk.h. */
    template <typename Locate, typename Memory> void take(const Context &context, size_t size, const Touch &touch, Locate locate, Memory memory) {
        registers.assign(context.bytes(), context.bytes() + size);
        bytes.clear();
        for (u64 i = 0; touch.kinds & STORES && i < touch.bytes; i++) {
            const std::optional<u64> physical = locate(touch.address + i);
            if (unsigned char *const at = physical ? memory(*physical, 1) : nullptr) bytes.push_back({*physical, at, *at});
        }
    }
    void apply(Context &context) {
        memcpy(context.bytes(), registers.data(), registers.size());
        for (const Byte &b : bytes) *b.at = b.was;
        registers.clear();
    }
};

class Watchpoints {
public:
    Watchpoints() = default;
    explicit Watchpoints(std::vector<Watchpoint> wanted) : all(std::move(wanted)) {}

    bool empty() const { return all.empty(); }
    u64 kinds() const {
        u64 kinds = 0;
        for (const Watchpoint &w : all) kinds |= w.kinds;
        return kinds;
    }
    /* Whether an access at a physical address may be to one of them. */
    bool mayTouch(u64 physical, u64 bytes) const {
        for (const Watchpoint &w : all)
            if ((physical + bytes - 1 - w.address) % PAGE < w.bytes + bytes - 1) return true;
        return false;
    }
    /* The first byte of one of them that is touched. */
    std::optional<u64> touched(const Touch &t) const {
        for (const Watchpoint &w : all) {
            if (!(t.kinds & w.kinds)) continue;
            if (t.address - w.address < w.bytes) return t.address;
            if (w.address - t.address < t.bytes) return w.address;
        }
        return {};
    }

private:
    std::vector<Watchpoint> all;
};

/* x(i) → the value of register i. */
template <typename Registers> Touch touchOf(u32 insn, Registers x) {
    const auto bits = [insn](unsigned high, unsigned low) -> u64 { return insn >> low & ((2u << (high - low)) - 1); };
    const auto extended = [](int32_t value) { return static_cast<u64>(static_cast<int64_t>(value)); };
    if ((insn & 3) == 3) {
        const auto immediate = static_cast<int32_t>(insn);
        const u64 base = x(static_cast<unsigned>(bits(19, 15))), bytes = 1u << bits(13, 12);
        switch (bits(6, 0)) {
        case 0x03: /* lb lh lw ld lbu lhu lwu */
        case 0x07: /* flw fld */
            return {base + extended(immediate >> 20), bytes, LOADS};
        case 0x23: /* sb sh sw sd */
        case 0x27: /* fsw fsd */
            return {base + extended((immediate >> 25) * 32) + bits(11, 7), bytes, STORES};
        case 0x2f: /* lr, sc, and those that do both */
            return {base, bytes, bits(31, 27) == 2 ? LOADS : bits(31, 27) == 3 ? STORES : LOADS | STORES};
        }
        return {};
    }
    const u64 quadrant = bits(1, 0), function = bits(15, 13);
    if ((quadrant != 0 && quadrant != 2) || function % 4 == 0) return {};
    const bool wide = function % 4 != 2; /* fld ld, fsd sd; else lw, sw */
    const u64 bytes = wide ? 8 : 4, kinds = function > 4 ? STORES : LOADS;
    if (quadrant == 0) return {x(static_cast<unsigned>(8 + bits(9, 7))) + (bits(12, 10) << 3) + (wide ? bits(6, 5) << 6 : bits(6, 6) << 2 | bits(5, 5) << 6), bytes, kinds};
    if (kinds == STORES) return {x(2) + (wide ? bits(12, 10) << 3 | bits(9, 7) << 6 : bits(12, 9) << 2 | bits(8, 7) << 6), bytes, kinds};
    return {x(2) + (bits(12, 12) << 5) + (wide ? bits(6, 5) << 3 | bits(4, 2) << 6 : bits(6, 4) << 2 | bits(3, 2) << 6), bytes, kinds};
}

} // namespace bailiwick
