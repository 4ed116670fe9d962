/* Virtual CPUs: vcpu.h says what holds. */
#include "machine_mode.h"
#include <math.h>
#include <algorithm>
#include "walk.h"

namespace bailiwick {

namespace {

constexpr u64 SSIP = 1 << 1, STIP = 1 << 5, SEIP = 1 << 9, LINES = SSIP | STIP | SEIP;
constexpr u32 ILLEGAL = 2, BREAKPOINT = 3, LOAD_ACCESS = 5, STORE_ACCESS = 7, USER_CALL = 8;
constexpr u64 SBI_TIME = 0x54494d45, SBI_IPI = 0x735049, SBI_RFENCE = 0x52464e43, SBI_LEGACY_TIMER = 0;
constexpr int64_t SBI_INVALID_PARAM = -3;

} // namespace

Vcpu::Vcpu(Machine &owner, Record *shared) : guest(std::make_shared<Guest>(owner)), record(*shared), machine(owner) {
    memset(static_cast<void *>(shared), 0, RECORD_BYTES);
    record.timecmp = INFINITY;
}

Vcpu::~Vcpu() { guest->drop(*this); }

u64 Vcpu::number() const { return static_cast<u64>(std::find(guest->harts.begin(), guest->harts.end(), this) - guest->harts.begin()); }

Failure Vcpu::open() {
    if (Failure f = guest->open(*this); !f.empty()) return f;
    context = engine().context;
    return {};
}

Failure Vcpu::join(Vcpu &leader, u32 at) {
    if (machine.guest) return "a VCPU runs";
    if (!leader.leads()) return "the leader must not be a hart of another guest";
    if (leader.guest == guest || !leads() || guest->harts.size() > 1 || guest->hasMemory()) return "a VCPU that becomes a hart of a guest must have neither memory nor harts, nor be one";
    if (at < leader.guest->harts.size() || at >= Guest::MAX_HARTS) return "the hart's number must be one that no hart of the guest has had, below 8";
    if (Failure f = readRegisters(); !f.empty()) return f;
    uc_context *const further = leader.engine().addContext();
    if (!further) return "the host has no memory for another hart";
    guest = leader.guest, context = further; /* its own engine is closed */
    guest->harts.resize(at, nullptr), guest->harts.push_back(this);
    record.offset = leader.record.offset;
    set(Engine::layout().mip, 0);
    return writeRegisters();
}

/* ---- on and off the engine ---- */

std::pair<u64, u64> Vcpu::addressing() const {
    return {get(Engine::layout().satp), get(Engine::layout().mstatus) & (status::SUM | status::MXR)};
}

/* fflags can be reached only while FS is on. */
void Vcpu::depart() {
    const Layout &l = Engine::layout();
    const u64 mstatus = get(l.mstatus);
    set(l.mstatus, mstatus | status::FS);
    flags = guest->fflags = engine().readCsr(UC_RISCV_REG_FFLAGS);
    set(l.mstatus, mstatus);
}

void Vcpu::arrive() {
    const Layout &l = Engine::layout();
    engine().use(context);
    forgetReservation();
    if (flags != guest->fflags) {
        const u64 mstatus = get(l.mstatus);
        set(l.mstatus, mstatus | status::FS);
        engine().writeCsr(UC_RISCV_REG_FFLAGS, flags);
        set(l.mstatus, mstatus);
    }
    if (const u64 pending = get(l.mip) & LINES) raise(pending); /* the engine has looked at another's */
}

/* ---- time and interrupt lines ---- */

bool Vcpu::timerExpired() const { return guest->look() + record.offset >= record.timecmp; }

double Vcpu::timerDue() const {
    if (!machineMode && get(Engine::layout().mip) & STIP) return INFINITY;
    return record.timecmp - record.offset;
}

/* Sets bits of mip. Only a write through the register makes the engine look at its interrupts; clearing needs no more than
 * the context. */
void Vcpu::raise(u64 mip) {
    if (guest->isLoaded(*this)) engine().writeCsr(UC_RISCV_REG_MIP, mip);
    else set(Engine::layout().mip, mip);
}

void Vcpu::interrupt(u64 mip) {
    const u64 rises = mip & ~get(Engine::layout().mip);
    record.counts.raised[0] += rises >> 1 & 1, record.counts.raised[1] += rises >> 5 & 1, record.counts.raised[2] += rises >> 9 & 1;
    raise(mip);
}

/* What mip has to be. */
u64 Vcpu::linesNow() const {
    return (get(Engine::layout().mip) & SSIP) | (record.lines & (SEIP | SSIP)) | (timerExpired() ? STIP : 0);
}

void Vcpu::applyLines() {
    if (machineMode) return machineMode->applyLines();
    const u64 now = get(Engine::layout().mip) & LINES, wanted = linesNow();
    record.lines &= ~SSIP; /* an edge: the guest itself clears the bit */
    if (wanted & ~now) interrupt(wanted);
    else if (wanted != now) set(Engine::layout().mip, wanted);
}

/* A timer also when the hart has not enabled its interrupt: waiting may end at any time, and who waited for the timer with all else has seen it come. */
bool Vcpu::wakeIfDue() {
    if (!waits()) return false;
    if (machineMode ? !machineMode->wakes() : !(linesNow() & get(Engine::layout().mie) || timerExpired())) return false;
    record.state = HartState::Started;
    return true;
}

/* ---- the guest's own traps ---- */

void Vcpu::deliver(u64 cause, u64 epc, u64 tval) {
    if (machineMode && machineMode->takes(cause, epc, tval)) return;
    const Layout &l = Engine::layout();
    const u64 priv = get(l.priv), vector = get(l.stvec) & ~3ull;
    if (priv == SUPERVISOR && epc == vector && (cause == 1 || cause == 12)) { /* the handler itself cannot be fetched */
        record.address = epc, record.data = 0;
        set(l.pc, epc);
        return guest->leave(*this, Exit::Broken);
    }
    u64 s = get(l.mstatus);
    s = (s & ~(status::SPIE | status::SIE | status::SPP)) | (s & status::SIE ? status::SPIE : 0) | (priv == SUPERVISOR ? status::SPP : 0);
    set(l.mstatus, s), set(l.scause, cause), set(l.sepc, epc), set(l.stval, tval);
    set(l.priv, SUPERVISOR), set(l.pc, vector), set(l.reservation, ~0ull);
}

/* A read of the time register in any of its encodings: csrrs, csrrc and their immediate forms that write nothing. */
bool Vcpu::emulateTime(u32 instruction, u64 pc) {
    const Layout &l = Engine::layout();
    if ((instruction & 0xffff807f) != 0xc0100073 || !(instruction & 0x2000)) return false; /* funct3 2, 3, 6 or 7, nothing written */
    if (get(l.priv) == USER && !(get(l.scounteren) & 2)) return false;
    setX(instruction >> 7 & 31, static_cast<u64>(machine.clock() + record.offset));
    set(l.pc, pc + 4);
    return true;
}

/* The SBI calls that concern harts alone; false: the VMM's. */
bool Vcpu::firmware() {
    const u64 extension = x(17), function = x(16), a0 = x(10), a1 = x(11);
    int64_t error = 0;
    if (extension == SBI_LEGACY_TIMER || (extension == SBI_TIME && function == 0)) {
        record.timecmp = a0 >> 53 ? INFINITY : static_cast<double>(a0);
        if (timerExpired()) applyLines();
        else set(Engine::layout().mip, get(Engine::layout().mip) & ~STIP);
    } else if (extension == SBI_IPI && function == 0) {
        if (!interruptHarts(a0, a1)) error = SBI_INVALID_PARAM;
    } else if (extension == SBI_RFENCE && function <= 2) {
        /* FENCE.I, SFENCE.VMA, and with an ASID: there is one TLB, and the engine sees by itself when code is written */
        if (guest->select(a0, a1)) engine().flushTlb();
        else error = SBI_INVALID_PARAM;
    } else {
        return false;
    }
    record.sbiCalls++;
    setX(10, static_cast<u64>(error));
    if (extension != SBI_LEGACY_TIMER) setX(11, 0);
    machine.budget();
    return true;
}

/* Whoever sends an interrupt is likely to wait for what comes of it: so its turn is over. One that is stopped gets none. */
bool Vcpu::interruptHarts(u64 mask, u64 base) {
    const std::optional<u64> chosen = guest->select(mask, base);
    if (!chosen) return false;
    bool others = false;
    for (size_t n = 0; n < guest->harts.size(); n++) {
        if (!(*chosen >> n & 1) || guest->harts[n]->record.state == HartState::Stopped) continue;
        Vcpu &hart = *guest->harts[n];
        hart.interrupt((hart.get(Engine::layout().mip) & LINES) | SSIP);
        others |= &hart != this;
    }
    if (others) guest->passTurn();
    return true;
}

void Vcpu::trapped(u32 cause) {
    watch.touched.reset(); /* its access trapped */
    if (machineMode) return machineMode->trapped(cause);
    const Layout &l = Engine::layout();
    const u64 pc = get(l.pc) - 4; /* the engine has added 4, whatever trapped */
    if (cause == USER_CALL && get(l.priv) == SUPERVISOR) {
        if (firmware()) return;
        for (unsigned i = 0; i < 8; i++) record.a[i] = x(10 + i);
        pending = Pending::Sbi;
        return guest->leave(*this, Exit::Sbi);
    }
    if (cause == USER_CALL) return deliver(cause, pc, 0);
    if (cause != ILLEGAL && cause != LOAD_ACCESS && cause != STORE_ACCESS) return deliver(cause, pc, get(l.badaddr));
    const u32 instruction = instructionAt(get(l.satp), pc, [this](u64 at, u64 bytes) { return guest->memoryAt(at, bytes); });
    if (cause != ILLEGAL) {
        if (!accessDevice(instruction, pc)) deliver(isStoreLike(instruction) ? STORE_ACCESS : cause, pc, get(l.badaddr));
    } else if (!emulateTime(instruction, pc)) {
        deliver(cause, pc, instruction);
    }
}

/* ---- exits ---- */

/* The access at pc, if it is one to a device: out to the VMM, with pc at it. */
bool Vcpu::accessDevice(u32 instruction, u64 pc) {
    const Access a = decodeAccess(instruction, [this](unsigned i) { return x(i); });
    if (a.size == 0) return false;
    const std::optional<u64> at = translate(get(Engine::layout().satp), a.address, [this](u64 p, u64 n) { return guest->memoryAt(p, n); });
    return at && exitForDevice(a, *at, pc);
}

bool Vcpu::exitForDevice(const Access &a, u64 at, u64 pc) {
    if (!guest->hasDevice(at)) return false;
    record.address = at, record.size = a.size, record.isWrite = a.write, record.completed = 0;
    record.data = a.write ? a.stored(x(a.reg)) : 0;
    set(Engine::layout().pc, pc);
    pending = Pending::Mmio, pendingAccess = a;
    guest->leave(*this, Exit::Mmio);
    return true;
}

/* What the VMM left in the record for the exit before. A read without an answer is not stepped over: it exits again. */
void Vcpu::completeExit() {
    if (pending == Pending::Sbi) {
        setX(10, record.a[0]), setX(11, record.a[1]);
    } else if (pending == Pending::Mmio && (pendingAccess.write || record.completed)) {
        if (!pendingAccess.write) setX(pendingAccess.reg, pendingAccess.loaded(record.data));
        set(Engine::layout().pc, get(Engine::layout().pc) + pendingAccess.length);
    }
    record.completed = record.reason = 0;
    pending = Pending::None;
}

void Vcpu::step() {
    applyLines();
    machine.budget();
    machine.why = Stop::None, machine.stoppedBefore.reset();
    const uc_err error = engine().resume();
    engine().save();
    if (machine.stoppedBefore) set(Engine::layout().pc, *machine.stoppedBefore);
    if (machine.why == Stop::Debug) {
        takeBack();
        set(Engine::layout().pc, record.address);
    } else if (watch.touched && error == UC_ERR_OK) { /* stopped for something else before the next instruction */
        stopTouched(get(Engine::layout().pc));
        takeBack();
        set(Engine::layout().pc, record.address);
    } else if (machine.why == Stop::Preempted) {
        guest->leave(*this, Exit::Preempted);
    } else if (machine.why == Stop::None && error == UC_ERR_OK) {
        if (!engine().ranOut()) record.state = HartState::Waiting; /* wfi, pc after it */
    } else if (error == UC_ERR_INSN_INVALID || error == UC_ERR_EXCEPTION) {
        deliver(BREAKPOINT, get(Engine::layout().pc), get(Engine::layout().pc));
    } else if (error != UC_ERR_OK) {
        record.address = get(Engine::layout().pc), record.data = error;
        guest->leave(*this, Exit::Broken);
    }
}

} // namespace bailiwick
