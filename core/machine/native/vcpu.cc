/* Virtual CPUs: vcpu.h says what holds. */
#include "vcpu.h"
#include <math.h>
#include <algorithm>
#include "walk.h"

namespace bailiwick {

namespace {

constexpr u64 SSIP = 1 << 1, STIP = 1 << 5, SEIP = 1 << 9, LINES = SSIP | STIP | SEIP;
constexpr u64 GUEST_TRAPS = 0xb1ff; /* what firmware delegates: all but calls from S and M mode */
constexpr u64 SSTATUS_WRITABLE = status::SIE | status::SPIE | status::SPP | status::FS | status::SUM | status::MXR;
constexpr u32 ILLEGAL = 2, BREAKPOINT = 3, LOAD_ACCESS = 5, STORE_ACCESS = 7, USER_CALL = 8;
constexpr u64 SBI_TIME = 0x54494d45, SBI_IPI = 0x735049, SBI_RFENCE = 0x52464e43, SBI_LEGACY_TIMER = 0;
constexpr int64_t SBI_INVALID_PARAM = -3;

} // namespace

Vcpu::Vcpu(Machine &owner, Record *shared) : machine(owner), record(*shared) {
    memset(shared, 0, RECORD_BYTES);
    record.timecmp = INFINITY;
    machine.guests++;
}

Failure Vcpu::open() {
    if (Failure f = engine.open(GUEST_CODE_BYTES); !f.empty()) return f;
    engine.writeCsr(UC_RISCV_REG_MIDELEG, LINES);
    engine.writeCsr(UC_RISCV_REG_MEDELEG, GUEST_TRAPS);
    engine.writeCsr(UC_RISCV_REG_MCOUNTEREN, 7);
    engine.writeCsr(UC_RISCV_REG_SCOUNTEREN, 7); /* as firmware leaves it: Linux's programs read the time without its kernel, which does not set it */
    if (Failure f = engine.protect(); !f.empty()) return f;
    if (Failure f = engine.hookTraps(onTrap, this); !f.empty()) return f;
    if (Failure f = engine.hookBlocks(Machine::onBlock, &machine); !f.empty()) return f;
    engine.set(Engine::layout().priv, SUPERVISOR), engine.set(Engine::layout().pc, 0);
    return {};
}

/* ---- guest-physical memory ---- */

Failure Vcpu::overlap(u64 base, u64 bytes) const {
    if (Failure f = checkPages(base, bytes); !f.empty()) return f;
    auto meets = [&](auto &w) { return base < w.base + w.bytes && w.base < base + bytes; };
    const bool any = std::any_of(ram.begin(), ram.end(), meets) || std::any_of(deviceWindows.begin(), deviceWindows.end(), meets);
    return any ? "the window overlaps another" : "";
}

Failure Vcpu::mapRam(u64 base, u64 ramOffset, u64 bytes) {
    if (Failure f = overlap(base, bytes); !f.empty()) return f;
    if (ramOffset % PAGE || ramOffset >= machine.ram->size || bytes > machine.ram->size - ramOffset) return "the window must show whole pages of the machine's RAM";
    windowsChanged = true;
    for (RamWindow &w : ram) /* few regions: frames that continue each other become one, while the engine does not know them */
        if (!w.mapped && w.base + w.bytes == base && w.ramOffset + w.bytes == ramOffset) return w.bytes += bytes, Failure{};
    ram.push_back({base, ramOffset, bytes, false});
    return {};
}

Failure Vcpu::unmapRam(u64 base, u64 bytes) {
    if (bytes == 0 || (base | bytes) % PAGE || base + bytes < base) return "a window must be whole pages below 2^48";
    u64 covered = 0;
    for (const RamWindow &w : ram)
        if (base < w.base + w.bytes && w.base < base + bytes) covered += std::min(base + bytes, w.base + w.bytes) - std::max(base, w.base);
    if (covered != bytes) return "the range is not mapped throughout";
    std::vector<RamWindow> kept;
    for (const RamWindow &w : ram) {
        if (base >= w.base + w.bytes || w.base >= base + bytes) {
            kept.push_back(w);
            continue;
        }
        /* taken out whole, and what remains mapped again: the engine's own split would copy the memory */
        if (w.mapped)
            if (Failure f = engine.unmap(w.base, w.bytes); !f.empty()) return f;
        if (w.base < base) kept.push_back({w.base, w.ramOffset, base - w.base, false});
        if (w.base + w.bytes > base + bytes) kept.push_back({base + bytes, w.ramOffset + (base + bytes - w.base), w.base + w.bytes - base - bytes, false});
    }
    ram = std::move(kept), windowsChanged = true;
    return {};
}

Failure Vcpu::mapDevice(u64 base, u64 bytes) {
    if (Failure f = overlap(base, bytes); !f.empty()) return f;
    deviceWindows.push_back({base, bytes});
    return {};
}

Failure Vcpu::unmapDevice(u64 base, u64 bytes) {
    auto w = std::find_if(deviceWindows.begin(), deviceWindows.end(), [&](auto &c) { return c.base == base && c.bytes == bytes; });
    if (w == deviceWindows.end()) return "no such device window is mapped";
    deviceWindows.erase(w);
    return {};
}

Failure Vcpu::applyWindows() {
    if (!windowsChanged) return {};
    for (RamWindow &w : ram) {
        if (w.mapped) continue;
        if (Failure f = engine.mapMemory(w.base, w.bytes, machine.ram->bytes + w.ramOffset); !f.empty()) return f;
        w.mapped = true;
    }
    Failure f = engine.protect();
    windowsChanged = !f.empty();
    return f;
}

const unsigned char *Vcpu::memoryAt(u64 guestPhysical, u64 bytes) const {
    for (const RamWindow &w : ram)
        if (guestPhysical - w.base < w.bytes && bytes <= w.bytes - (guestPhysical - w.base)) return machine.ram->bytes + w.ramOffset + (guestPhysical - w.base);
    return nullptr;
}

void Vcpu::invalidate(u64 ramOffset, u64 bytes) {
    for (const RamWindow &w : ram) {
        u64 from = std::max(ramOffset, w.ramOffset), to = std::min(ramOffset + bytes, w.ramOffset + w.bytes);
        if (w.mapped && from < to) engine.invalidate(w.base + (from - w.ramOffset), to - from);
    }
}

/* ---- time and interrupt lines ---- */

bool Vcpu::timerExpired() const { return machine.clock() + record.offset >= record.timecmp; }

double Vcpu::timerDue() const {
    if (engine.get(Engine::layout().mip) & STIP) return INFINITY;
    return record.timecmp - record.offset;
}

/* Sets bits of mip. Only a write through the register makes the engine look at its interrupts; clearing needs no more than
 * the context. */
void Vcpu::raise(u64 mip) { engine.writeCsr(UC_RISCV_REG_MIP, mip); }

void Vcpu::applyLines() {
    const u64 now = engine.get(Engine::layout().mip) & LINES;
    const u64 wanted = (now & SSIP) | (record.lines & (SEIP | SSIP)) | (timerExpired() ? STIP : 0);
    record.lines &= ~SSIP; /* an edge: the guest itself clears the bit */
    if (wanted & ~now) raise(wanted);
    else if (wanted != now) engine.set(Engine::layout().mip, wanted);
}

/* ---- the guest's own traps ---- */

void Vcpu::deliver(u64 cause, u64 epc, u64 tval) {
    const Layout &l = Engine::layout();
    const u64 priv = engine.get(l.priv), vector = engine.get(l.stvec) & ~3ull;
    if (priv == SUPERVISOR && epc == vector && (cause == 1 || cause == 12)) { /* the handler itself cannot be fetched */
        record.address = epc, record.data = 0;
        engine.set(l.pc, epc);
        return leave(Exit::Broken);
    }
    u64 s = engine.get(l.mstatus);
    s = (s & ~(status::SPIE | status::SIE | status::SPP)) | (s & status::SIE ? status::SPIE : 0) | (priv == SUPERVISOR ? status::SPP : 0);
    engine.set(l.mstatus, s), engine.set(l.scause, cause), engine.set(l.sepc, epc), engine.set(l.stval, tval);
    engine.set(l.priv, SUPERVISOR), engine.set(l.pc, vector), engine.set(l.reservation, ~0ull);
}

/* A read of the time register in any of its encodings: csrrs, csrrc and their immediate forms that write nothing. */
bool Vcpu::emulateTime(u32 instruction, u64 pc) {
    const Layout &l = Engine::layout();
    if ((instruction & 0xffff807f) != 0xc0100073 || !(instruction & 0x2000)) return false; /* funct3 2, 3, 6 or 7, nothing written */
    if (engine.get(l.priv) == USER && !(engine.get(l.scounteren) & 2)) return false;
    engine.setX(instruction >> 7 & 31, static_cast<u64>(machine.clock() + record.offset));
    engine.set(l.pc, pc + 4);
    return true;
}

/* The SBI calls that concern this hart alone; false: the VMM's. */
bool Vcpu::firmware() {
    const u64 extension = engine.x(17), function = engine.x(16), a0 = engine.x(10), a1 = engine.x(11);
    int64_t error = 0;
    if (extension == SBI_LEGACY_TIMER || (extension == SBI_TIME && function == 0)) {
        record.timecmp = a0 >> 53 ? INFINITY : static_cast<double>(a0);
        if (timerExpired()) applyLines();
        else engine.set(Engine::layout().mip, engine.get(Engine::layout().mip) & ~STIP);
    } else if (extension == SBI_IPI && function == 0) {
        const bool self = a1 == ~0ull || (a1 == 0 && a0 == 1);
        if (self) raise((engine.get(Engine::layout().mip) & LINES) | SSIP);
        else if (a0 != 0) error = SBI_INVALID_PARAM;
    } else if (extension == SBI_RFENCE && function <= 2) {
        engine.flushTlb();
    } else {
        return false;
    }
    record.sbiCalls++;
    engine.setX(10, static_cast<u64>(error));
    if (extension != SBI_LEGACY_TIMER) engine.setX(11, 0);
    machine.budget();
    return true;
}

void Vcpu::onTrap(uc_engine *, u32 cause, void *user) {
    auto *vcpu = static_cast<Vcpu *>(user);
    vcpu->engine.save();
    vcpu->trapped(cause);
    vcpu->engine.restore();
}

void Vcpu::trapped(u32 cause) {
    const Layout &l = Engine::layout();
    const u64 pc = engine.get(l.pc) - 4; /* the engine has added 4, whatever trapped */
    if (cause == USER_CALL && engine.get(l.priv) == SUPERVISOR) {
        if (firmware()) return;
        for (unsigned i = 0; i < 8; i++) record.a[i] = engine.x(10 + i);
        pending = Pending::Sbi;
        return leave(Exit::Sbi);
    }
    if (cause == USER_CALL) return deliver(cause, pc, 0);
    if (cause != ILLEGAL && cause != LOAD_ACCESS && cause != STORE_ACCESS) return deliver(cause, pc, engine.get(l.badaddr));
    const u32 instruction = instructionAt(engine.get(l.satp), pc, [this](u64 at, u64 bytes) { return memoryAt(at, bytes); });
    if (cause != ILLEGAL) {
        if (!exitForDevice(instruction, pc)) deliver(isStoreLike(instruction) ? STORE_ACCESS : cause, pc, engine.get(l.badaddr));
    } else if (!emulateTime(instruction, pc)) {
        deliver(cause, pc, instruction);
    }
}

/* ---- exits ---- */

void Vcpu::leave(Exit reason) {
    static constexpr Stop stops[] = {Stop::None, Stop::Mmio, Stop::Sbi, Stop::None, Stop::Preempted, Stop::Broken};
    record.reason = static_cast<u64>(reason);
    if (!engine.running) return;
    machine.why = stops[record.reason];
    engine.stop();
}

/* The access at pc, if it is one to a device: out to the VMM, with pc at it. */
bool Vcpu::exitForDevice(u32 instruction, u64 pc) {
    const Layout &l = Engine::layout();
    const Access a = decodeAccess(instruction, [this](unsigned i) { return engine.x(i); });
    if (a.size == 0) return false;
    const std::optional<u64> at = translate(engine.get(l.satp), a.address, [this](u64 p, u64 n) { return memoryAt(p, n); });
    if (!at || std::none_of(deviceWindows.begin(), deviceWindows.end(), [&](auto &w) { return *at - w.base < w.bytes; })) return false;
    record.address = *at, record.size = a.size, record.isWrite = a.write, record.completed = 0;
    record.data = a.write ? a.stored(engine.x(a.reg)) : 0;
    engine.set(l.pc, pc);
    pending = Pending::Mmio, pendingAccess = a;
    leave(Exit::Mmio);
    return true;
}

/* What the VMM left in the record for the exit before. A read without an answer is not stepped over: it exits again. */
void Vcpu::completePending() {
    if (pending == Pending::Sbi) {
        engine.setX(10, record.a[0]), engine.setX(11, record.a[1]);
    } else if (pending == Pending::Mmio && (pendingAccess.write || record.completed)) {
        if (!pendingAccess.write) engine.setX(pendingAccess.reg, pendingAccess.loaded(record.data));
        engine.set(Engine::layout().pc, engine.get(Engine::layout().pc) + pendingAccess.length);
    }
    record.completed = 0;
    pending = Pending::None;
}

Failure Vcpu::run() {
    if (machine.guest) return "a VCPU runs already";
    if (Failure f = applyWindows(); !f.empty()) return f;
    const Layout &l = Engine::layout();
    const Stop outer = machine.why;
    completePending();
    engine.set(l.reservation, ~0ull); /* others may have written meanwhile */
    machine.guest = this;
    record.exits++, record.reason = 0;
    while (record.reason == 0) {
        applyLines();
        machine.budget();
        machine.why = Stop::None;
        const uc_err error = engine.resume();
        engine.save();
        if (machine.why == Stop::Preempted) {
            leave(Exit::Preempted);
        } else if (machine.why == Stop::None && error == UC_ERR_OK && engine.ranOut()) {
            continue;
        } else if (machine.why == Stop::None && error == UC_ERR_OK) { /* wfi, pc after it */
            applyLines();
            if (!(engine.get(l.mip) & engine.get(l.mie) & LINES)) leave(Exit::Wfi);
        } else if (error == UC_ERR_INSN_INVALID || error == UC_ERR_EXCEPTION) {
            deliver(BREAKPOINT, engine.get(l.pc), engine.get(l.pc));
        } else if (error != UC_ERR_OK) {
            record.address = engine.get(l.pc), record.data = error;
            leave(Exit::Broken);
        }
    }
    machine.guest = nullptr, machine.why = outer;
    machine.shared().stoppedAt = machine.clock();
    machine.publish();
    return {};
}

/* ---- registers ---- */

Failure Vcpu::readRegisters() {
    const Layout &l = Engine::layout();
    const u64 mstatus = engine.get(l.mstatus);
    record.pc = engine.get(l.pc);
    memcpy(record.x, engine.bytes() + l.gpr + 8, sizeof record.x);
    record.sstatus = mstatus & SSTATUS_WRITABLE;
    record.sie = engine.get(l.mie) & LINES, record.sip = engine.get(l.mip) & LINES;
    record.stvec = engine.get(l.stvec), record.sscratch = engine.get(l.sscratch), record.sepc = engine.get(l.sepc);
    record.scause = engine.get(l.scause), record.stval = engine.get(l.stval), record.satp = engine.get(l.satp);
    record.priv = engine.get(l.priv), record.scounteren = engine.get(l.scounteren) & 7;
    memcpy(record.f, engine.bytes() + l.fpr, sizeof record.f);
    engine.set(l.mstatus, mstatus | status::FS);
    record.fcsr = engine.readCsr(UC_RISCV_REG_FCSR);
    engine.set(l.mstatus, mstatus);
    return {};
}

Failure Vcpu::writeRegisters() {
    const Layout &l = Engine::layout();
    if (const u64 mode = record.satp >> 60; mode != 0 && (mode < 8 || mode > 10)) return "satp must be bare, Sv39, Sv48 or Sv57";
    if (record.priv != USER && record.priv != SUPERVISOR) return "priv must be 0 (user) or 1 (supervisor)";
    if (record.pc & 1 || record.sepc & 1) return "pc and sepc must be even";
    engine.set(l.mstatus, (engine.get(l.mstatus) & ~SSTATUS_WRITABLE) | status::FS);
    engine.writeCsr(UC_RISCV_REG_FCSR, record.fcsr & 255);
    const u64 kept = engine.get(l.mstatus) & ~(SSTATUS_WRITABLE | status::SD), mstatus = kept | (record.sstatus & SSTATUS_WRITABLE);
    engine.set(l.mstatus, (mstatus & status::FS) == status::FS ? mstatus | status::SD : mstatus);
    engine.set(l.pc, record.pc);
    memcpy(engine.bytes() + l.gpr + 8, record.x, sizeof record.x);
    memcpy(engine.bytes() + l.fpr, record.f, sizeof record.f);
    engine.set(l.mie, (engine.get(l.mie) & ~LINES) | (record.sie & LINES));
    engine.set(l.stvec, record.stvec), engine.set(l.sscratch, record.sscratch), engine.set(l.sepc, record.sepc);
    engine.set(l.scause, record.scause), engine.set(l.stval, record.stval), engine.set(l.satp, record.satp);
    engine.set(l.priv, record.priv), engine.set(l.reservation, ~0ull);
    engine.writeCsr(UC_RISCV_REG_SCOUNTEREN, record.scounteren & 7);
    raise((engine.get(l.mip) & LINES & ~SSIP) | (record.sip & SSIP));
    engine.flushTlb();
    pending = Pending::None, record.reason = 0; /* nothing is left to complete */
    return {};
}

Failure Vcpu::restore() {
    const auto reason = static_cast<Exit>(record.reason);
    if (Failure f = applyWindows(); !f.empty()) return f;
    if (Failure f = writeRegisters(); !f.empty()) return f;
    raise((engine.get(Engine::layout().mip) & LINES) | (record.sip & LINES));
    record.reason = static_cast<u64>(reason);
    if (reason == Exit::Sbi) pending = Pending::Sbi;
    if (reason != Exit::Mmio) return {};
    const u32 instruction = instructionAt(record.satp, record.pc, [this](u64 at, u64 bytes) { return memoryAt(at, bytes); });
    pendingAccess = decodeAccess(instruction, [this](unsigned i) { return engine.x(i); });
    if (pendingAccess.size == 0) return "the record tells of an access to a device, and at its pc there is none";
    pending = Pending::Mmio;
    return {};
}

} // namespace bailiwick
