/* The machine mode's view of control and status registers: its own stand in the hart's record, those of supervisor mode are the engine's.
 *
 * What may be written is what a hart can hold (WARL); what there is not is an illegal instruction, which firmware looks for features by.
 * Sources: RISC-V Privileged Architecture 1.12, chapters 2, 3.1, 3.7 (PMP) and 4.1; Unprivileged ISA 20191213, chapter 9.
 */
#include "machine_mode.h"

namespace bailiwick {

namespace {

constexpr u64 SSIP = 1 << 1, STIP = 1 << 5, SEIP = 1 << 9, LINES = SSIP | STIP | SEIP, MACHINE_LINES = 1 << 3 | 1 << 7 | 1 << 11;
constexpr u64 SUPERVISOR_STATUS = status::SIE | status::SPIE | status::SPP | status::FS | status::SUM | status::MXR;
constexpr u64 TRAPS = status::TVM | status::TW | status::TSR, MACHINE_STATUS = status::MIE | status::MPIE | status::MPP | status::MPRV | TRAPS;
constexpr u64 WIDTHS = 2ull << 32 | 2ull << 34;  /* UXL, SXL: 64 bits */
constexpr u64 ISA = 2ull << 62 | 0x14112d;       /* rv64 A C D F I M S U */
constexpr u64 DELEGABLE = 0xb3ff;                /* exceptions of lower modes */
constexpr u64 PMP_ADDRESS = (1ull << 54) - 1;
constexpr unsigned LOCKED = 0x80, TOP_OF_RANGE = 1;

constexpr u64 evenTable(u64 vector) { return vector & ~2ull; } /* direct or vectored */

/* Of pmpcfg: writable and not readable is reserved. */
constexpr u64 pmpEntry(u64 config) { return (config & 3) == 2 ? config & 0x9d : config & 0x9f; }

} // namespace

/* csrrw, csrrs, csrrc and their immediate forms; false: an illegal one. Registers are changed, pc is not. */
bool MachineMode::csrInstruction(u32 instruction) {
    const u32 function = instruction >> 12 & 7, operation = function & 3, source = instruction >> 15 & 31, csr = instruction >> 20, destination = instruction >> 7 & 31;
    if ((instruction & 0x7f) != 0x73 || operation == 0) return false;
    const u64 operand = function & 4 ? source : hart.x(source);
    const bool writes = operation == 1 || source != 0;
    const std::optional<u64> before = readCsr(csr);
    if (!before || (writes && csr >> 10 == 3)) return false;
    /* a bit that follows from elsewhere is no part of what is written back */
    const u64 held = csr == 0x344 || csr == 0x144 ? (*before & ~SEIP) | (m.mip & SEIP) : *before;
    if (writes && !writeCsr(csr, operation == 1 ? operand : operation == 2 ? held | operand : held & ~operand)) return false;
    hart.setX(destination, *before);
    return true;
}

u64 MachineMode::readStatus() const {
    const u64 own = hart.get(Engine::layout().mstatus) & SUPERVISOR_STATUS;
    return own | m.mstatus | WIDTHS | ((own & status::FS) == status::FS ? status::SD : 0);
}

/* What makes the engine trap as TVM, TW and TSR of mstatus want it: 2.1.1 to 2.1.4 look for the last two 8 bits further up. */
u64 MachineMode::engineTraps(u64 bits) { return (bits & TRAPS) | (bits & (status::TW | status::TSR)) << 8; }

void MachineMode::writeStatus(u64 value, u64 mask) {
    const Layout &l = Engine::layout();
    const u64 shown = mask & SUPERVISOR_STATUS;
    u64 now = (hart.get(l.mstatus) & ~(shown | status::SD | engineTraps(mask))) | (value & shown) | engineTraps(value & mask);
    if ((now & status::FS) == status::FS) now |= status::SD;
    hart.set(l.mstatus, now);
    u64 ours = mask & MACHINE_STATUS;
    if ((value & status::MPP) == 2ull << 11) ours &= ~status::MPP; /* no such mode */
    m.mstatus = (m.mstatus & ~ours) | (value & ours);
    if (!hart.guest->hasGuard()) m.mstatus &= ~status::MPRV;
}

u64 MachineMode::counter(unsigned which) const {
    const u64 held = which ? m.instructions : m.cycles;
    return m.mcountinhibit >> (which ? 2 : 0) & 1 ? held : held + static_cast<u64>(hart.machine.clock());
}

std::optional<u64> MachineMode::readCsr(u32 csr) const {
    const Layout &l = Engine::layout();
    switch (csr) {
    case 0x100: return readStatus() & (SUPERVISOR_STATUS | status::SD | 3ull << 32);
    case 0x104: return m.mie & m.mideleg;
    case 0x105: return hart.get(l.stvec);
    case 0x106: return hart.get(l.scounteren) & 7;
    case 0x140: return hart.get(l.sscratch);
    case 0x141: return hart.get(l.sepc);
    case 0x142: return hart.get(l.scause);
    case 0x143: return hart.get(l.stval);
    case 0x144: return pending() & m.mideleg;
    case 0x180: return m.satp;
    case 0x300: return readStatus();
    case 0x301: return ISA;
    case 0x302: return m.medeleg;
    case 0x303: return m.mideleg;
    case 0x304: return m.mie;
    case 0x305: return m.mtvec;
    case 0x306: return m.mcounteren;
    case 0x320: return m.mcountinhibit;
    case 0x340: return m.mscratch;
    case 0x341: return m.mepc;
    case 0x342: return m.mcause;
    case 0x343: return m.mtval;
    case 0x344: return pending();
    case 0x3a0: return m.pmpcfg[0];
    case 0x3a2: return m.pmpcfg[1];
    case 0xb00:
    case 0xc00: return counter(0);
    case 0xb02:
    case 0xc02: return counter(1);
    case 0xc01: return hart.guest->time();
    case 0xf11: case 0xf12: case 0xf13: return 0; /* not a commercial implementation */
    case 0xf14: return hart.number();
    }
    if (csr >= 0x3b0 && csr <= 0x3bf) return m.pmpaddr[csr - 0x3b0];
    /* performance counters and their events, which count nothing */
    if ((csr >= 0x323 && csr <= 0x33f) || (csr >= 0xb03 && csr <= 0xb1f) || (csr >= 0xc03 && csr <= 0xc1f)) return 0;
    return {};
}

bool MachineMode::writeCsr(u32 csr, u64 value) {
    const Layout &l = Engine::layout();
    switch (csr) {
    case 0x100: writeStatus(value, SUPERVISOR_STATUS); break;
    case 0x104: m.mie = (m.mie & ~m.mideleg) | (value & m.mideleg & LINES); break;
    case 0x105: hart.set(l.stvec, evenTable(value)); break;
    case 0x106: tell(UC_RISCV_REG_SCOUNTEREN, value & 7); break;
    case 0x140: hart.set(l.sscratch, value); break;
    case 0x141: hart.set(l.sepc, value & ~1ull); break;
    case 0x142: hart.set(l.scause, value); break;
    case 0x143: hart.set(l.stval, value); break;
    case 0x144: m.mip = (m.mip & ~(SSIP & m.mideleg)) | (value & SSIP & m.mideleg); break;
    case 0x180:
        if (const u64 mode = value >> 60; mode == 0 || (mode >= 8 && mode <= 10)) m.satp = value;
        guard();
        break;
    case 0x300: writeStatus(value, SUPERVISOR_STATUS | MACHINE_STATUS), guard(); break;
    case 0x301: break;
    case 0x302: m.medeleg = value & DELEGABLE; break;
    case 0x303: m.mideleg = value & LINES, tell(UC_RISCV_REG_MIDELEG, m.mideleg); break;
    case 0x304: m.mie = value & (LINES | MACHINE_LINES); break;
    case 0x305: m.mtvec = evenTable(value); break;
    case 0x306: m.mcounteren = value & 7; break;
    case 0x320: {
        const u64 counts[] = {counter(0), counter(1)}, now = static_cast<u64>(hart.machine.clock());
        m.mcountinhibit = value & 5;
        m.cycles = counts[0] - (value & 1 ? 0 : now), m.instructions = counts[1] - (value & 4 ? 0 : now);
        break;
    }
    case 0x340: m.mscratch = value; break;
    case 0x341: m.mepc = value & ~1ull; break;
    case 0x342: m.mcause = value; break;
    case 0x343: m.mtval = value; break;
    case 0x344: m.mip = (m.mip & ~LINES) | (value & LINES); break;
    case 0x3a0: writePmpConfig(0, value); break;
    case 0x3a2: writePmpConfig(1, value); break;
    case 0xb00: m.cycles = value - (m.mcountinhibit & 1 ? 0 : static_cast<u64>(hart.machine.clock())); break;
    case 0xb02: m.instructions = value - (m.mcountinhibit & 4 ? 0 : static_cast<u64>(hart.machine.clock())); break;
    default:
        if (csr >= 0x3b0 && csr <= 0x3bf) writePmpAddress(csr - 0x3b0, value);
    }
    return true;
}

/* What was written into the record without a look: as writeCsr() would have kept it, but for what PMP entries lock, which binds the hart and nobody else. */
void MachineMode::legalise() {
    const u64 mpp = m.mstatus & status::MPP;
    m.mstatus &= MACHINE_STATUS;
    if (mpp == 2ull << 11) m.mstatus &= ~status::MPP;
    if (!m.active) m.mstatus &= ~status::MPRV;
    m.medeleg &= DELEGABLE, m.mideleg &= LINES, m.mie &= LINES | MACHINE_LINES, m.mip &= LINES;
    m.mtvec = evenTable(m.mtvec), m.mepc &= ~1ull;
    m.mcounteren &= 7, m.mcountinhibit &= 5, m.msip &= 1;
    for (u64 &config : m.pmpcfg) {
        u64 kept = 0;
        for (unsigned shift = 0; shift < 64; shift += 8) kept |= pmpEntry(config >> shift) << shift;
        config = kept;
    }
    for (u64 &address : m.pmpaddr) address &= PMP_ADDRESS;
}

/* ---- physical memory protection ---- */

void MachineMode::writePmpConfig(unsigned word, u64 value) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (m.pmpcfg[word] >> shift & LOCKED) continue;
        m.pmpcfg[word] = (m.pmpcfg[word] & ~(0xffull << shift)) | pmpEntry(value >> shift) << shift;
    }
}

void MachineMode::writePmpAddress(unsigned entry, u64 value) {
    const auto config = [this](unsigned i) { return m.pmpcfg[i / 8] >> 8 * (i % 8) & 0xff; };
    if (config(entry) & LOCKED) return;
    if (entry < 15 && config(entry + 1) & LOCKED && (config(entry + 1) >> 3 & 3) == TOP_OF_RANGE) return; /* where that one's range begins */
    m.pmpaddr[entry] = value & PMP_ADDRESS;
}

} // namespace bailiwick
