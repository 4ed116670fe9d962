/* The machine mode of a virtual hart: machine_mode.h says what holds. */
#include "machine_mode.h"
#include <math.h>
#include "clint.h"
#include "walk.h"

namespace bailiwick {

namespace {

constexpr u64 SSIP = 1 << 1, MSIP = 1 << 3, STIP = 1 << 5, MTIP = 1 << 7, SEIP = 1 << 9, MEIP = 1 << 11, LINES = SSIP | STIP | SEIP;
constexpr u32 FETCH_ACCESS = 1, ILLEGAL = 2, LOAD_ACCESS = 5, STORE_ACCESS = 7, USER_CALL = 8, SUPERVISOR_CALL = 9, MACHINE_CALL = 11, LOAD_PAGE = 13, STORE_PAGE = 15;
constexpr u64 INTERRUPT = 1ull << 63;
constexpr unsigned PRIORITY[] = {11, 3, 7, 9, 1, 5};
constexpr u32 MRET = 0x30200073, SRET = 0x10200073, WFI = 0x10500073, SFENCE = 0x12000073;

} // namespace

Guard &Guard::get() {
    static Guard *guard = [] {
        auto *table = new Guard{};
        for (u64 i = 0; i < 256; i++) table->entries[i] = i << 28 | 0xd9; /* valid, executable, for user mode, accessed and dirty: nothing is ever written here */
        return table;
    }();
    return *guard;
}

/* ---- registers ---- */

void MachineMode::store() {
    Record &r = hart.record;
    r.sie = enabled() & LINES, r.sip = pending() & LINES;
    m.mie = enabled(), m.mip = (m.mip & ~SSIP) | (r.sip & SSIP);
    if (m.active) r.satp = m.satp, r.priv = MACHINE;
}

void MachineMode::load() {
    const Record &r = hart.record;
    const Layout &l = Engine::layout();
    m.active = r.priv == MACHINE;
    m.satp = r.satp;
    m.mie = (m.mie & ~LINES) | (r.sie & LINES), m.mip = (m.mip & ~SSIP) | (r.sip & SSIP);
    legalise();
    hart.set(l.mstatus, (hart.get(l.mstatus) & ~engineTraps(~0ull)) | engineTraps(m.mstatus));
    hart.set(l.priv, m.active ? static_cast<u64>(USER) : r.priv);
    hart.set(l.mie, m.active ? 0 : m.mie & m.mideleg & LINES);
    hart.set(l.satp, m.active ? 0 : m.satp);
    if (m.active) guard();
    engine().writeCsr(UC_RISCV_REG_MIDELEG, m.mideleg & LINES);
    latchTimer();
    hart.raise(m.active ? 0 : m.mip & m.mideleg & LINES);
}

u64 MachineMode::fetchTable() const { return m.active ? 0 : hart.get(Engine::layout().satp); }

/* To a register of the engine, also between two instructions of its. */
void MachineMode::tell(int reg, u64 value) {
    if (engine().running) engine().restore(); /* what has been changed in the context would be lost */
    if (hart.guest->isLoaded(hart)) engine().writeCsr(reg, value);
    else if (reg == UC_RISCV_REG_MIP) hart.set(Engine::layout().mip, value);
}

void MachineMode::setTable(u64 satp) {
    if (hart.get(Engine::layout().satp) == satp) return;
    hart.set(Engine::layout().satp, satp);
    engine().flushTlb();
}

bool MachineMode::accessesAs() const { return m.mstatus & status::MPRV && (m.mstatus & status::MPP) != status::MPP && m.satp >> 60; }

void MachineMode::withoutGuard() {
    m.mstatus &= ~status::MPRV;
    if (m.active) guard();
}

void MachineMode::guard() { setTable(accessesAs() ? Guard::SATP : 0); }

/* ---- in and out ---- */

void MachineMode::enter() {
    if (m.active) return;
    const Layout &l = Engine::layout();
    m.active = 1;
    m.satp = hart.get(l.satp);
    m.mie = (m.mie & ~m.mideleg) | (hart.get(l.mie) & m.mideleg);
    if (m.mideleg & SSIP) m.mip = (m.mip & ~SSIP) | (hart.get(l.mip) & SSIP);
    hart.set(l.priv, USER), hart.set(l.mie, 0);
}

void MachineMode::leave(u64 privilege) {
    const Layout &l = Engine::layout();
    const u64 lines = pending() & m.mideleg & LINES;
    m.mstatus &= ~status::MPRV;
    m.active = 0;
    hart.set(l.priv, privilege), hart.set(l.mie, m.mie & m.mideleg & LINES);
    setTable(m.satp);
    tell(UC_RISCV_REG_MIP, lines);
}

void MachineMode::trap(u64 cause, u64 epc, u64 tval) {
    const Layout &l = Engine::layout();
    const u64 before = m.active ? static_cast<u64>(MACHINE) : hart.get(l.priv), base = m.mtvec & ~3ull;
    if (before == MACHINE && epc == base && cause == FETCH_ACCESS) { /* the handler itself cannot be fetched */
        hart.record.address = epc, hart.record.data = 0;
        hart.set(l.pc, epc);
        return hart.guest->leave(hart, Exit::Broken);
    }
    enter();
    m.mstatus = (m.mstatus & ~(status::MPP | status::MPIE | status::MIE)) | before << 11 | (m.mstatus & status::MIE ? status::MPIE : 0);
    guard();
    m.mcause = cause, m.mepc = epc, m.mtval = tval;
    hart.set(l.pc, cause & INTERRUPT && m.mtvec & 1 ? base + 4 * (cause & 63) : base);
    hart.forgetReservation();
}

bool MachineMode::takes(u64 cause, u64 epc, u64 tval) {
    if (!m.active && m.medeleg >> cause & 1) return false;
    trap(cause, epc, tval);
    return true;
}

/* ---- interrupts ---- */

/* What the record says is when the timer interrupts next, which is never once it has: whether that wakes the hart is up to its mie. */
void MachineMode::latchTimer() {
    Record &r = hart.record;
    r.timecmp = m.timecmp >> 53 ? INFINITY : static_cast<double>(m.timecmp);
    const bool due = hart.timerExpired();
    m.mip = (m.mip & ~MTIP) | (due ? MTIP : 0);
    if (due) r.timecmp = INFINITY;
}

bool MachineMode::wakes() {
    latchTimer();
    return pending() & enabled();
}

void MachineMode::setTimeToCompare(u64 value) {
    m.timecmp = value;
    latchTimer();
}

u64 MachineMode::pending() const {
    u64 bits = m.mip | (hart.record.lines & (SEIP | MEIP)) | (m.msip ? MSIP : 0);
    if (!m.active && m.mideleg & SSIP) bits = (bits & ~SSIP) | (hart.get(Engine::layout().mip) & SSIP);
    return bits;
}

u64 MachineMode::enabled() const { return m.active ? m.mie : (m.mie & ~m.mideleg) | (hart.get(Engine::layout().mie) & m.mideleg); }

void MachineMode::applyLines() {
    latchTimer();
    u64 wanted = pending();
    if (hart.record.lines & SSIP) wanted |= SSIP, m.mip |= SSIP; /* an edge: the guest itself clears the bit */
    hart.record.lines &= ~SSIP;
    if (!m.active && (wanted & m.mideleg & LINES) != (hart.get(Engine::layout().mip) & LINES)) tell(UC_RISCV_REG_MIP, wanted & m.mideleg & LINES);
    settle();
}

/* An interrupt to machine mode that may come now does. */
void MachineMode::settle() {
    if (hart.pending != Vcpu::Pending::None || (m.active && !(m.mstatus & status::MIE))) return;
    const u64 ready = pending() & enabled() & ~m.mideleg;
    if (ready == 0) return;
    for (const unsigned number : PRIORITY)
        if (ready >> number & 1) return trap(INTERRUPT | number, hart.get(Engine::layout().pc), 0);
}

/* ---- traps ---- */

void MachineMode::trapped(u32 cause) {
    const Layout &l = Engine::layout();
    const u64 pc = hart.get(l.pc) - 4; /* the engine has added 4, whatever trapped */
    if (cause == USER_CALL) {
        hart.deliver(m.active ? MACHINE_CALL : hart.get(l.priv) == SUPERVISOR ? SUPERVISOR_CALL : USER_CALL, pc, 0);
    } else if (cause == ILLEGAL || cause == LOAD_ACCESS || cause == STORE_ACCESS || (m.active && (cause == LOAD_PAGE || cause == STORE_PAGE))) {
        const u32 instruction = instructionAt(fetchTable(), pc, [this](u64 at, u64 bytes) { return hart.guest->memoryAt(at, bytes); });
        if (cause == ILLEGAL) {
            if (!emulate(instruction, pc)) hart.deliver(cause, pc, instruction);
        } else if (m.active && accessesAs()) {
            accessTranslated(cause, instruction, pc);
        } else if (!access(instruction, pc)) {
            hart.deliver(isStoreLike(instruction) ? STORE_ACCESS : cause, pc, hart.get(l.badaddr));
        }
    } else {
        hart.deliver(cause, pc, hart.get(l.badaddr));
    }
    settle();
    hart.machine.budget();
}

/* A privileged instruction that the engine does not carry out; false: it is none that the hart may execute. */
bool MachineMode::emulate(u32 instruction, u64 pc) {
    const Layout &l = Engine::layout();
    if (!m.active) return m.mcounteren & 2 && hart.emulateTime(instruction, pc);
    if (instruction == MRET || instruction == SRET) {
        const bool machine = instruction == MRET;
        const u64 s = readStatus(), to = machine ? (s & status::MPP) >> 11 : s & status::SPP ? SUPERVISOR : USER;
        if (machine) writeStatus((s & status::MPIE ? status::MIE : 0) | status::MPIE, status::MIE | status::MPIE | status::MPP);
        else writeStatus((s & status::SPIE ? status::SIE : 0) | status::SPIE, status::SIE | status::SPIE | status::SPP);
        hart.set(l.pc, machine ? m.mepc : hart.get(l.sepc));
        if (to != MACHINE) leave(to);
        else guard();
        return true;
    }
    if (instruction == WFI) {
        hart.set(l.pc, pc + 4);
        if (wakes()) return true;
        hart.record.state = HartState::Waiting;
        hart.machine.why = Stop::Timer;
        engine().stop();
        return true;
    }
    if ((instruction & 0xfe007fff) == SFENCE) return engine().flushTlb(), hart.set(l.pc, pc + 4), true;
    if (!csrInstruction(instruction)) return false;
    hart.set(l.pc, pc + 4);
    return true;
}

/* ---- accesses ---- */

/* The access at pc, if it is one to a device; else false. */
bool MachineMode::access(u32 instruction, u64 pc) {
    const Access a = decodeAccess(instruction, [this](unsigned i) { return hart.x(i); });
    if (a.size == 0) return false;
    const std::optional<u64> at = translate(fetchTable(), a.address, [this](u64 p, u64 n) { return hart.guest->memoryAt(p, n); });
    return at && reach(a, *at, pc);
}

bool MachineMode::reach(const Access &a, u64 physical, u64 pc) {
    if (!Clint::has(physical)) return hart.exitForDevice(a, physical, pc);
    if (!a.write) {
        hart.setX(a.reg, a.loaded(Clint::read(*hart.guest, physical - Clint::BASE, a.size)));
    } else if (Clint::write(*hart.guest, physical - Clint::BASE, a.size, a.stored(hart.x(a.reg)))) {
        hart.guest->passTurn();
    }
    hart.set(Engine::layout().pc, pc + a.length);
    return true;
}

/* One that MPRV makes another mode's. Misaligned ones and atomics are access faults here. */
void MachineMode::accessTranslated(u32 cause, u32 instruction, u64 pc) {
    const Layout &l = Engine::layout();
    const Access a = decodeAccess(instruction, [this](unsigned i) { return hart.x(i); });
    const bool write = a.size ? a.write : isStoreLike(instruction) || cause == STORE_PAGE || cause == STORE_ACCESS;
    if (a.size == 0) return hart.deliver(write ? STORE_ACCESS : LOAD_ACCESS, pc, hart.get(l.badaddr));
    const Walker as{m.satp, hart.get(l.mstatus), (m.mstatus & status::MPP) >> 11};
    const std::optional<u64> at = walk(as, a.address, write, [this](u64 p, u64 n) { return hart.guest->memoryAt(p, n); });
    if (!at) return hart.deliver(write ? STORE_PAGE : LOAD_PAGE, pc, a.address);
    unsigned char *const memory = hart.guest->memoryAt(*at, a.size);
    if (!memory) {
        if (!reach(a, *at, pc)) hart.deliver(write ? STORE_ACCESS : LOAD_ACCESS, pc, a.address);
        return;
    }
    u64 value = a.stored(hart.x(a.reg));
    if (write) memcpy(memory, &value, a.size), hart.guest->writtenAt(*at, a.size);
    else value = 0, memcpy(&value, memory, a.size), hart.setX(a.reg, a.loaded(value));
    hart.set(l.pc, pc + a.length);
}

} // namespace bailiwick
