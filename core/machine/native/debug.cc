/* Threads that are being debugged: a hart that looks at each instruction before it is executed.
 *
 * Only threads that step or have breakpoints run here, one at a time, whatever their space. A stop in the instruction hook is exact: the instruction has
 * not begun (test/conformance/debug.test.ts, on every engine). A trap counts as the instruction that it is.
 */
#include "machine.h"
#include <algorithm>

namespace bailiwick {

namespace {
constexpr int32_t NO_INDEX = -2; /* of the debug hart: no space ever names it */
}

void Machine::setBreakpoint(u32 frame, u32 number, u64 address, bool on) {
    auto &mine = breakpoints[frame];
    mine[number] = on ? std::optional<u64>(address) : std::nullopt;
    if (std::none_of(mine.begin(), mine.end(), [](auto &b) { return b.has_value(); })) breakpoints.erase(frame);
}

Hart *Machine::hartForDebugging(const Frame &thread) {
    if (!debugHart) {
        auto hart = std::make_unique<Hart>();
        if (broken = openHart(*hart); !broken.empty()) return nullptr;
        if (broken = hart->engine.hookInstructions(onInstruction, this); !broken.empty()) return nullptr;
        hart->index = NO_INDEX;
        debugHart = std::move(hart);
    }
    const auto id = static_cast<int32_t>(thread.space);
    if (debugHart->space != id) {
        debugHart->space = id;
        debugHart->engine.set(Engine::layout().satp, 8ull << 60 | static_cast<u64>(id & 0xffff) << 44 | spaces[id].root >> 12);
        debugHart->engine.flushTlb();
    }
    return debugHart.get();
}

void Machine::onInstruction(uc_engine *, u64 address, u32, void *user) {
    auto *machine = static_cast<Machine *>(user);
    if (Engine::configuring() || machine->why != Stop::None) return;
    Frame &f = machine->frame(machine->current);
    if (machine->begun > 0) {
        f.debug &= ~DEBUG_PASS;
        if (f.debug & DEBUG_STEP) return machine->stopDebugging(address, CAUSE_STEPPED);
    }
    if ((f.debug & (DEBUG_BREAK | DEBUG_PASS)) == DEBUG_BREAK) {
        const auto mine = machine->breakpoints.find(machine->current);
        if (mine != machine->breakpoints.end() && std::find(mine->second.begin(), mine->second.end(), std::optional<u64>(address)) != mine->second.end())
            return machine->stopDebugging(address, CAUSE_BREAKPOINT);
    }
    machine->begun++;
}

void Machine::stopDebugging(u64 pc, u64 cause) {
    why = Stop::Debug, debugPc = pc, debugCause = cause;
    debugHart->engine.stop();
}

} // namespace bailiwick
