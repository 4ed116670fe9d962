/* Guests that are debugged: stops at addresses, steps, harts that are held.
 *
 * The engine calls a hook before the instructions of an address (or before all, while a hart steps) and stops exactly there: the instruction has not begun. So a breakpoint changes nothing
 * in the guest's memory, stands also where nothing is mapped yet, and survives whatever the guest does with its code. It holds for virtual addresses, in whatever table and privilege.
 * While there is such a hook, the engine leaves pc as it is when it is stopped before a block (seen on 2.1.1), so who stops it remembers where (Machine::stoppedBefore).
 * Translations know the hooks of when they were made, so all are forgotten when hooks come or go, which takes some 50 ms. Hooks that are not needed any more therefore stay for a while: a
 * debugger takes its breakpoints out at each stop, and puts them in again.
 */
#include <algorithm>
#include "vcpu.h"

namespace bailiwick {

namespace {
constexpr size_t MOST_IDLE_HOOKS = 64;
constexpr u32 LINGERING_RUNS = 4; /* after a step that all instructions are still looked at: a debugger that goes on from a breakpoint steps first, and may soon be there again */
constexpr u64 WATCHED = 1, STEPPED = 2; /* in the record's data */
} // namespace

void Guest::watch(std::vector<u64> addresses) {
    std::sort(addresses.begin(), addresses.end());
    watched = std::move(addresses);
}

void Guest::stopWatching() {
    watched.clear();
    for (Vcpu *hart : harts)
        if (hart) hart->setWatch(false, false, false);
    if (everywhere) engine.unwatch(everywhere);
    for (auto &[address, hook] : hooked) engine.unwatch(hook);
    if (everywhere || !hooked.empty()) engine.forgetCode();
    everywhere = 0, hooked.clear();
}

Failure Guest::applyWatch() {
    const bool stepping = std::any_of(harts.begin(), harts.end(), [](const Vcpu *hart) { return hart && hart->steps(); });
    if (stepping) lingered = 0;
    const bool all = stepping || (everywhere && lingered++ < LINGERING_RUNS);
    if (all && everywhere) return {};
    Failure f;
    bool changed = all;
    if (all) f = engine.watchInstructions(onInstruction, this, &everywhere);
    else if (everywhere) engine.unwatch(everywhere), everywhere = 0, changed = true;
    if (hooked.size() > watched.size() + MOST_IDLE_HOOKS) {
        for (auto &[address, hook] : hooked) engine.unwatch(hook);
        hooked.clear(), changed = true;
    }
    for (const u64 address : watched) {
        if (!f.empty() || hooked.count(address)) continue;
        uc_hook hook;
        if (f = engine.watchInstructionAt(address, onWatched, this, &hook); f.empty()) hooked[address] = hook, changed = true;
    }
    if (changed) engine.forgetCode();
    return f;
}

void Guest::onWatched(uc_engine *uc, u64 address, u32 size, void *user) {
    if (!static_cast<Guest *>(user)->everywhere) onInstruction(uc, address, size, user);
}

void Guest::onInstruction(uc_engine *, u64 address, u32, void *user) {
    auto *guest = static_cast<Guest *>(user);
    if (Engine::configuring() || guest->machine.why != Stop::None) return;
    guest->loaded->atInstruction(address, std::binary_search(guest->watched.begin(), guest->watched.end(), address));
}

void Vcpu::setWatch(bool isHeld, bool step, bool pass) {
    const u64 pc = get(Engine::layout().pc);
    watch = {isHeld, step, false, pc, pass || step ? pc : 1};
}

/* A step ends before the next instruction, whichever that is: also the first of a trap handler, if the instruction trapped or an interrupt came before it. */
void Vcpu::atInstruction(u64 address, bool isWatched) {
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
