/* Guests that are debugged: stops at addresses, steps, harts that are held, and stops at accesses to memory (watchpoints.h).
 *
 * The engine calls a hook before the instructions of an address (or before all, while a hart steps) and stops exactly there: the instruction has not begun. So a breakpoint changes nothing
 * in the guest's memory, stands also where nothing is mapped yet, and survives whatever the guest does with its code. It holds for virtual addresses, in whatever table and privilege.
 * While there is such a hook, the engine leaves pc as it is when it is stopped before a block (seen on 2.1.1), so who stops it remembers where (Machine::stoppedBefore).
 * Translations know the hooks of when they were made, so all are forgotten when hooks come or go, and what runs then is translated anew. Hooks that are not needed any more therefore stay
 * for a while: a debugger takes its breakpoints out at each stop, and puts them in again.
 */
#include <algorithm>
#include <set>
#include "machine_mode.h"
#include "walk.h"

namespace bailiwick {

namespace {
constexpr size_t MOST_IDLE_HOOKS = 64;
constexpr u32 LINGERING_RUNS = 4; /* after a step that all instructions are still looked at: a debugger that goes on from a breakpoint steps first, and may soon be there again */
constexpr u64 WATCHED = 1, STEPPED = 2, ACCESSED = 3; /* in the record's data */
} // namespace

void Guest::watch(std::vector<u64> addresses, Watchpoints memory) {
    std::sort(addresses.begin(), addresses.end());
    watched = std::move(addresses), watchpoints = std::move(memory);
}

void Guest::stopWatching() {
    watched.clear(), watchpoints = {};
    for (Vcpu *hart : harts)
        if (hart) hart->setWatch(false, false, false);
    if (unhook()) engine.forgetCode();
}

/* Whether there was one: then forgetCode(). */
bool Guest::unhook() {
    const bool any = everywhere || accesses || !hooked.empty();
    if (everywhere) engine.unwatch(everywhere);
    if (accesses) engine.unwatch(accesses);
    for (auto &[address, hook] : hooked) engine.unwatch(hook);
    everywhere = accesses = 0, accessKinds = 0, hooked.clear();
    return any;
}

Failure Guest::applyWatch() {
    const bool stepping = !watchpoints.empty() || std::any_of(harts.begin(), harts.end(), [](const Vcpu *hart) { return hart && hart->steps(); });
    if (stepping) lingered = 0;
    const bool all = stepping || (everywhere && lingered++ < LINGERING_RUNS), idle = hooked.size() > watched.size() + MOST_IDLE_HOOKS;
    const u64 kinds = watchpoints.kinds();
    std::set<u64> wanted; /* where all instructions are looked at, none needs a hook of its own */
    if (!all && !idle)
        for (auto &[address, hook] : hooked) wanted.insert(address);
    if (!all) wanted.insert(watched.begin(), watched.end());
    if (kinds == accessKinds && all == (everywhere != 0) && wanted.size() == hooked.size()) return {};
    unhook();
    engine.forgetCode();
    Failure f;
    if (kinds) f = engine.watchAccesses(kinds, onAccess, this, &accesses);
    if (f.empty()) accessKinds = kinds;
    if (all && f.empty()) f = engine.watchInstructions(onInstruction, this, &everywhere);
    for (const u64 address : wanted) {
        uc_hook hook;
        if (f.empty() && (f = engine.watchInstructionAt(address, onInstruction, this, &hook)).empty()) hooked[address] = hook;
    }
    return f;
}

void Guest::onInstruction(uc_engine *, u64 address, u32, void *user) {
    auto *guest = static_cast<Guest *>(user);
    if (Engine::configuring() || guest->machine.why != Stop::None) return;
    guest->loaded->atInstruction(address, std::binary_search(guest->watched.begin(), guest->watched.end(), address));
}

void Guest::onAccess(uc_engine *, uc_mem_type, u64 physical, int size, int64_t, void *user) {
    auto *guest = static_cast<Guest *>(user);
    if (!Engine::configuring() && guest->machine.why == Stop::None && guest->watchpoints.mayTouch(physical, static_cast<u64>(size))) guest->loaded->mayTouch(guest->watchpoints);
}

void Vcpu::setWatch(bool isHeld, bool step, bool pass) {
    const u64 pc = get(Engine::layout().pc);
    const u64 stoppedAt = watch.through != 1 ? watch.through : watch.stoppedAt; /* it may have had no turn since */
    const u64 through = !isHeld && stoppedAt == pc ? pc : 1;
    watch = {isHeld, step, false, false, pc, pass || step || through == pc ? pc : 1, pc, isHeld ? stoppedAt : 1, through, {}, {}};
}

/* The instruction that it is at is in the middle of an access. */
void Vcpu::mayTouch(const Watchpoints &watchpoints) {
    if (watch.touched || watch.passing) return;
    engine().save(); /* to be looked at alone */
    const u64 table = machineMode ? machineMode->fetchTable() : get(Engine::layout().satp);
    const auto memory = [this](u64 at, u64 bytes) { return guest->memoryAt(at, bytes); };
    const u32 instruction = instructionAt(table, watch.at, memory);
    const Touch touch = touchOf(instruction, [this](unsigned i) { return x(i); });
    watch.touched = watchpoints.touched(touch);
    watch.undo = {};
    if (watch.touched && !isStoreConditional(instruction)) watch.undo.take(*this, uc_context_size(engine().uc), touch, [&](u64 at) { return translate(table, at, memory); }, memory);
}

/* The engine has stopped. */
void Vcpu::takeBack() {
    if (watch.undo.registers.empty()) return;
    watch.undo.apply(*this);
    for (const Undo::Byte &b : watch.undo.bytes) guest->writtenAt(b.physical, 1);
    record.address = watch.stoppedAt = watch.at;
}

/* Its access is done, and may be taken back. */
void Vcpu::stopTouched(u64 pc) {
    record.address = pc, record.data = ACCESSED, record.a[0] = *watch.touched;
    watch.touched.reset();
    guest->leave(*this, Exit::Debug);
}

/* A step ends before the next instruction, whichever that is: also the first of a trap handler, if the instruction trapped or an interrupt came before it. */
void Vcpu::atInstruction(u64 address, bool isWatched) {
    if (watch.touched) return stopTouched(address);
    watch.at = address;
    watch.passing = address == watch.through, watch.through = 1;
    const bool stepped = watch.steps && (watch.begun || address != watch.from);
    if (!stepped && (!isWatched || address == watch.passed)) {
        watch.begun = true;
        if (address == watch.passed) watch.passed = 1;
        return;
    }
    record.address = address, record.data = stepped ? STEPPED : WATCHED;
    guest->leave(*this, Exit::Debug);
}

} // namespace bailiwick
