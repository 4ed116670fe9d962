/* Guests: guest.h says what holds. */
#include "guest.h"
#include <math.h>
#include <algorithm>
#include "machine_mode.h"

namespace bailiwick {

namespace {

constexpr u64 SUPERVISOR_INTERRUPTS = 1 << 1 | 1 << 5 | 1 << 9;
constexpr u64 GUEST_TRAPS = 0xb1ff; /* what firmware delegates: all but calls from S and M mode */
constexpr u64 TURN = 8192;          /* blocks: 50 to 100 us, some hundred times what it costs to change harts */

} // namespace

Failure Guest::open(Vcpu &leader) {
    if (Failure f = engine.open(GUEST_CODE_BYTES); !f.empty()) return f;
    engine.writeCsr(UC_RISCV_REG_MIDELEG, SUPERVISOR_INTERRUPTS);
    engine.writeCsr(UC_RISCV_REG_MEDELEG, GUEST_TRAPS);
    engine.writeCsr(UC_RISCV_REG_MCOUNTEREN, 7);
    engine.writeCsr(UC_RISCV_REG_SCOUNTEREN, 7); /* as firmware leaves it: Linux's programs read the time without its kernel, which does not set it */
    if (Failure f = engine.protect(); !f.empty()) return f;
    if (Failure f = engine.hookTraps(onTrap, this); !f.empty()) return f;
    if (Failure f = engine.hookBlocks(Machine::onBlock, &machine); !f.empty()) return f;
    engine.set(Engine::layout().priv, SUPERVISOR), engine.set(Engine::layout().pc, 0);
    harts = {&leader}, loaded = &leader;
    return {};
}

void Guest::onTrap(uc_engine *, u32 cause, void *user) {
    auto *guest = static_cast<Guest *>(user);
    guest->engine.save();
    guest->loaded->trapped(cause);
    guest->engine.restore();
}

/* ---- guest-physical memory ---- */

Failure Guest::overlap(u64 base, u64 bytes) const {
    if (Failure f = checkPages(base, bytes); !f.empty()) return f;
    auto meets = [&](auto &w) { return base < w.base + w.bytes && w.base < base + bytes; };
    const bool any = std::any_of(ram.begin(), ram.end(), meets) || std::any_of(deviceWindows.begin(), deviceWindows.end(), meets);
    return any ? "the window overlaps another" : "";
}

Failure Guest::mapRam(u64 base, u64 ramOffset, u64 bytes) {
    if (Failure f = overlap(base, bytes); !f.empty()) return f;
    if (ramOffset % PAGE || ramOffset >= machine.ram->size || bytes > machine.ram->size - ramOffset) return "the window must show whole pages of the machine's RAM";
    windowsChanged = true;
    for (RamWindow &w : ram) /* few regions: frames that continue each other become one, while the engine does not know them */
        if (!w.mapped && w.base + w.bytes == base && w.ramOffset + w.bytes == ramOffset) return w.bytes += bytes, Failure{};
    ram.push_back({base, ramOffset, bytes, false});
    return {};
}

Failure Guest::unmapRam(u64 base, u64 bytes) {
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

Failure Guest::mapDevice(u64 base, u64 bytes) {
    if (Failure f = overlap(base, bytes); !f.empty()) return f;
    deviceWindows.push_back({base, bytes});
    return {};
}

Failure Guest::unmapDevice(u64 base, u64 bytes) {
    auto w = std::find_if(deviceWindows.begin(), deviceWindows.end(), [&](auto &c) { return c.base == base && c.bytes == bytes; });
    if (w == deviceWindows.end()) return "no such device window is mapped";
    deviceWindows.erase(w);
    return {};
}

Failure Guest::applyWindows() {
    if (!windowsChanged) return {};
    for (RamWindow &w : ram) {
        if (w.mapped) continue;
        if (Failure f = engine.mapMemory(w.base, w.bytes, machine.ram->bytes + w.ramOffset); !f.empty()) return f;
        w.mapped = true;
    }
    Failure f = applyGuard();
    uc_context *const present = engine.context;
    for (uc_context *each : engine.allContexts()) /* what S and U mode may reach is among the registers */
        if (f.empty()) engine.use(each), f = engine.protect();
    engine.use(present);
    windowsChanged = !f.empty();
    for (Vcpu *hart : harts)
        if (hart && hart->machineMode && !guarded) hart->machineMode->withoutGuard();
    return f;
}

unsigned char *Guest::memoryAt(u64 guestPhysical, u64 bytes) const {
    for (const RamWindow &w : ram)
        if (guestPhysical - w.base < w.bytes && bytes <= w.bytes - (guestPhysical - w.base)) return machine.ram->bytes + w.ramOffset + (guestPhysical - w.base);
    return nullptr;
}

bool Guest::hasDevice(u64 guestPhysical) const {
    return std::any_of(deviceWindows.begin(), deviceWindows.end(), [&](auto &w) { return guestPhysical - w.base < w.bytes; });
}

void Guest::invalidate(u64 ramOffset, u64 bytes) {
    for (const RamWindow &w : ram) {
        u64 from = std::max(ramOffset, w.ramOffset), to = std::min(ramOffset + bytes, w.ramOffset + w.bytes);
        if (w.mapped && from < to) engine.invalidate(w.base + (from - w.ramOffset), to - from);
    }
}

void Guest::writtenAt(u64 guestPhysical, u64 bytes) { engine.invalidate(guestPhysical, bytes); }

void Guest::wantGuard() {
    if (!guardWanted) guardWanted = windowsChanged = true;
}

/* It takes one of the runs that the engine can tell apart. */
Failure Guest::applyGuard() {
    const bool fits = guardWanted && ram.size() < Engine::MOST_RUNS;
    if (fits == guarded) return {};
    guarded = fits;
    return fits ? engine.mapTable(Guard::AT, sizeof(Guard), &Guard::get()) : engine.unmap(Guard::AT, sizeof(Guard));
}

/* ---- harts ---- */

void Guest::load(Vcpu &hart) {
    if (loaded == &hart) return;
    const auto before = loaded ? std::optional(loaded->addressing()) : std::nullopt;
    if (loaded) loaded->depart();
    loaded = &hart;
    hart.arrive();
    if (before != hart.addressing()) engine.flushTlb();
}

void Guest::drop(Vcpu &hart) {
    if (loaded == &hart) loaded = nullptr;
    if (!harts.empty() && harts[0] == &hart) ram.clear(), deviceWindows.clear();
    std::replace(harts.begin(), harts.end(), &hart, static_cast<Vcpu *>(nullptr));
}

std::optional<u64> Guest::select(u64 mask, u64 base) const {
    u64 present = 0;
    for (size_t n = 0; n < harts.size(); n++)
        if (harts[n]) present |= 1ull << n;
    if (base == ~0ull) return present;
    if (mask == 0) return 0;
    if (base >= harts.size() || mask << base >> base != mask || (mask << base & ~present)) return {};
    return mask << base;
}

u64 Guest::time() const { return static_cast<u64>(std::max(0.0, machine.clock() + harts[0]->record.offset)); }

void Guest::setTime(u64 ticks) {
    const double offset = static_cast<double>(ticks & ((1ull << 53) - 1)) - machine.clock();
    for (Vcpu *hart : harts)
        if (hart) hart->record.offset = offset;
}

double Guest::timerDue() const {
    double due = loaded ? loaded->timerDue() : INFINITY;
    if (harts.size() == 1) return due;
    for (const Vcpu *hart : harts)
        if (hart && hart->waits()) due = std::min(due, hart->timerDue());
    return due;
}

double Guest::turnLeft() const {
    return contended ? static_cast<double>(harts[0]->record.turnEnds) - static_cast<double>(machine.blocksRun()) : INFINITY;
}

void Guest::passTurn() {
    harts[0]->record.turnEnds = machine.blocksRun();
    machine.why = Stop::Timer;
    engine.stop();
}

/* The hart whose turn it is; when that is over or it cannot run, the next one that can, for a new turn; null when none can. A turn is over also when a hart wakes. */
Vcpu *Guest::next() {
    Record &r = harts[0]->record;
    const u64 now = machine.blocksRun(), count = harts.size();
    Vcpu *chosen = nullptr;
    bool over = now >= r.turnEnds;
    u64 able = 0;
    for (Vcpu *hart : harts) {
        if (!hart || hart->held()) continue;
        if (hart->wakeIfDue()) over = true;
        if (hart->started()) able++;
    }
    const u64 first = r.turn + (over ? 1 : 0);
    for (u64 i = first; !chosen && i < first + count; i++) {
        Vcpu *const hart = harts[i % count];
        if (!hart || hart->held() || !hart->started()) continue;
        if (i != r.turn) r.turn = i % count, r.turnEnds = now + TURN;
        chosen = hart;
    }
    contended = able > 1;
    return chosen;
}

void Guest::leave(Vcpu &hart, Exit reason) {
    static constexpr Stop stops[] = {Stop::None, Stop::Mmio, Stop::Sbi, Stop::None, Stop::Preempted, Stop::Broken, Stop::Debug};
    static_assert(sizeof stops / sizeof stops[0] == EXITS);
    left = reason;
    hart.record.reason = static_cast<u64>(reason);
    harts[0]->record.hart = static_cast<u64>(std::find(harts.begin(), harts.end(), &hart) - harts.begin());
    if (!engine.running) return;
    machine.why = stops[static_cast<u64>(reason)];
    engine.stop();
}

void Guest::settle() {
    if (Vcpu *const exited = harts[harts[0]->record.hart % harts.size()]) exited->completeExit();
}

Failure Guest::run() {
    if (machine.guest) return "a VCPU runs already";
    if (Failure f = applyWindows(); !f.empty()) return f;
    if (Failure f = applyWatch(); !f.empty()) return f;
    Vcpu &leader = *harts[0];
    const Stop outer = machine.why;
    settle();
    if (harts.size() == 1 && leader.record.state == HartState::Waiting) leader.record.state = HartState::Started; /* a wfi may end at any time */
    if (loaded) loaded->forgetReservation(); /* others may have written meanwhile */
    machine.guest = this;
    leader.record.exits++, left = Exit::None, entered = INFINITY;
    while (left == Exit::None) {
        Vcpu *const hart = next();
        if (!hart) {
            leave(leader, Exit::Wfi);
            break;
        }
        load(*hart);
        hart->step();
    }
    machine.guest = nullptr, machine.why = outer;
    const double stopped = machine.shared().stoppedAt = machine.clock();
    Counts &counts = leader.record.counts;
    counts.exits[static_cast<u64>(left)]++, counts.inside += stopped - std::min(entered, stopped);
    machine.publish();
    return {};
}

} // namespace bailiwick
