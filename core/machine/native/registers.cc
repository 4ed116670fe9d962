/* Registers and state of a virtual CPU, from and to its record: vcpu.h says what holds. */
#include <math.h>
#include "machine_mode.h"
#include "walk.h"

namespace bailiwick {

namespace {

constexpr u64 SSIP = 1 << 1, STIP = 1 << 5, SEIP = 1 << 9, LINES = SSIP | STIP | SEIP;
constexpr u64 SSTATUS_WRITABLE = status::SIE | status::SPIE | status::SPP | status::FS | status::SUM | status::MXR;

} // namespace

Failure Vcpu::setState(u64 wanted) {
    const auto state = static_cast<HartState>(wanted);
    if (state != HartState::Started && state != HartState::Stopped && state != HartState::Suspended) return "state must be 0 (started), 1 (stopped) or 4 (suspended)";
    record.state = state;
    if (state == HartState::Stopped) record.timecmp = INFINITY, record.lines = 0, set(Engine::layout().mip, 0);
    return {};
}

Failure Vcpu::readRegisters() {
    guest->load(*this);
    const Layout &l = Engine::layout();
    const u64 mstatus = get(l.mstatus);
    record.pc = get(l.pc) & ~1ull; /* the engine lets a guest write an odd sepc, and go there: what is read can be written */
    memcpy(record.x, bytes() + l.gpr + 8, sizeof record.x);
    record.sstatus = mstatus & SSTATUS_WRITABLE;
    record.sie = get(l.mie) & LINES, record.sip = get(l.mip) & LINES;
    record.stvec = get(l.stvec), record.sscratch = get(l.sscratch), record.sepc = get(l.sepc) & ~1ull;
    record.scause = get(l.scause), record.stval = get(l.stval), record.satp = get(l.satp);
    record.priv = get(l.priv), record.scounteren = get(l.scounteren) & 7;
    memcpy(record.f, bytes() + l.fpr, sizeof record.f);
    set(l.mstatus, mstatus | status::FS);
    record.fcsr = engine().readCsr(UC_RISCV_REG_FCSR);
    set(l.mstatus, mstatus);
    if (machineMode) machineMode->store();
    return {};
}

Failure Vcpu::writeRegisters() {
    const Layout &l = Engine::layout();
    if (const u64 mode = record.satp >> 60; mode != 0 && (mode < 8 || mode > 10)) return "satp must be bare, Sv39, Sv48 or Sv57";
    if (record.priv != USER && record.priv != SUPERVISOR && !(record.priv == MACHINE && record.machine.present)) return "priv must be 0 (user), 1 (supervisor) or, of a hart that has it, 3 (machine)";
    if (record.pc & 1 || record.sepc & 1) return "pc and sepc must be even";
    guest->load(*this);
    set(l.mstatus, (get(l.mstatus) & ~SSTATUS_WRITABLE) | status::FS);
    engine().writeCsr(UC_RISCV_REG_FCSR, record.fcsr & 255);
    const u64 kept = get(l.mstatus) & ~(SSTATUS_WRITABLE | status::SD), mstatus = kept | (record.sstatus & SSTATUS_WRITABLE);
    set(l.mstatus, (mstatus & status::FS) == status::FS ? mstatus | status::SD : mstatus);
    set(l.pc, record.pc);
    memcpy(bytes() + l.gpr + 8, record.x, sizeof record.x);
    memcpy(bytes() + l.fpr, record.f, sizeof record.f);
    set(l.mie, (get(l.mie) & ~LINES) | (record.sie & LINES));
    set(l.stvec, record.stvec), set(l.sscratch, record.sscratch), set(l.sepc, record.sepc);
    set(l.scause, record.scause), set(l.stval, record.stval), set(l.satp, record.satp);
    set(l.priv, record.priv), set(l.reservation, ~0ull);
    engine().writeCsr(UC_RISCV_REG_SCOUNTEREN, record.scounteren & 7);
    if (record.machine.present && !machineMode) machineMode = std::make_unique<MachineMode>(*this), guest->wantGuard();
    if (machineMode) machineMode->load();
    else raise((get(l.mip) & LINES & ~SSIP) | (record.sip & SSIP));
    engine().flushTlb();
    pending = Pending::None, record.reason = 0; /* nothing is left to complete */
    return {};
}

Failure Vcpu::addMachineMode() {
    if (machine.guest) return "a VCPU runs";
    if (machineMode) return "the VCPU has a machine mode";
    if (Failure f = readRegisters(); !f.empty()) return f;
    MachineState &m = record.machine;
    m = {}, m.present = 1, m.timecmp = ~0ull, m.mstatus = status::MPP;
    record.priv = MACHINE, record.timecmp = INFINITY;
    return writeRegisters();
}

Failure Vcpu::restore() {
    const auto reason = static_cast<Exit>(record.reason);
    if (Failure f = guest->applyWindows(); !f.empty()) return f;
    if (Failure f = writeRegisters(); !f.empty()) return f;
    if (!machineMode) raise((get(Engine::layout().mip) & LINES) | (record.sip & LINES));
    record.reason = static_cast<u64>(reason);
    if (reason == Exit::Sbi) pending = Pending::Sbi;
    if (reason != Exit::Mmio) return {};
    const u32 instruction = instructionAt(machineMode ? machineMode->fetchTable() : record.satp, record.pc, [this](u64 at, u64 bytes) { return guest->memoryAt(at, bytes); });
    pendingAccess = decodeAccess(instruction, [this](unsigned i) { return x(i); });
    if (pendingAccess.size == 0) return "the record tells of an access to a device, and at its pc there is none";
    pending = Pending::Mmio;
    return {};
}

} // namespace bailiwick
