/* Threads that are being debugged: a hart that looks at each instruction before it is executed.
 *
 * Only threads that step or have breakpoints run here, one at a time, whatever their space. A stop in the instruction hook is exact: the instruction has
 * not begun (test/conformance/debug.test.ts, on every engine). A trap counts as the instruction that it is.
 */
#include "machine.h"
#include <algorithm>
#include "walk.h"

namespace bailiwick {

namespace {
constexpr int32_t NO_INDEX = -2; /* of the debug hart: no space ever names it */
}

void Machine::setBreakpoint(u32 frame, u32 number, u64 address, bool on) {
    auto &mine = breakpoints[frame];
    mine[number] = on ? std::optional<u64>(address) : std::nullopt;
    if (std::none_of(mine.begin(), mine.end(), [](auto &b) { return b.has_value(); })) breakpoints.erase(frame);
}

void Machine::setWatchpoints(u32 frame, Watchpoints wanted) {
    if (wanted.empty()) watchpoints.erase(frame);
    else watchpoints[frame] = std::move(wanted);
}

Hart *Machine::hartForDebugging(const Frame &thread) {
    if (!debugHart) {
        auto hart = std::make_unique<Hart>();
        if (broken = openHart(*hart); !broken.empty()) return nullptr;
        if (broken = hart->engine.hookInstructions(onInstruction, this); !broken.empty()) return nullptr;
        hart->index = NO_INDEX;
        debugHart = std::move(hart);
    }
    if (watchpoints.empty() == (accesses != 0)) {
        Engine &e = debugHart->engine;
        if (accesses) e.unwatch(accesses), accesses = 0;
        else if (broken = e.watchAccesses(LOADS | STORES, onAccess, this, &accesses); !broken.empty()) return nullptr;
        e.forgetCode();
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
        if (machine->touched) return machine->stopDebugging(address, CAUSE_ACCESSED);
        f.debug &= ~DEBUG_PASS;
        if (f.debug & DEBUG_STEP) return machine->stopDebugging(address, CAUSE_STEPPED);
    }
    if ((f.debug & (DEBUG_BREAK | DEBUG_PASS)) == DEBUG_BREAK) {
        const auto mine = machine->breakpoints.find(machine->current);
        if (mine != machine->breakpoints.end() && std::find(mine->second.begin(), mine->second.end(), std::optional<u64>(address)) != mine->second.end())
            return machine->stopDebugging(address, CAUSE_BREAKPOINT);
    }
    machine->begun++, machine->instruction = address;
    if (machine->begun > 1) machine->through = 1;
}

void Machine::onAccess(uc_engine *, uc_mem_type, u64 physical, int size, int64_t, void *user) {
    auto *m = static_cast<Machine *>(user);
    if (Engine::configuring() || m->why != Stop::None || m->touched || m->through == m->instruction || !(m->frame(m->current).debug & DEBUG_WATCH)) return;
    const auto mine = m->watchpoints.find(m->current);
    if (mine == m->watchpoints.end() || !mine->second.mayTouch(physical, static_cast<u64>(size))) return;
    Engine &e = m->debugHart->engine;
    e.save(); /* to be looked at alone */
    const u64 satp = e.get(Engine::layout().satp);
    const auto memory = [m](u64 at, u64 bytes) { return m->memoryAt(at, bytes); };
    const u32 instruction = instructionAt(satp, m->instruction, memory);
    const Touch touch = touchOf(instruction, [&e](unsigned i) { return e.x(i); });
    m->touched = mine->second.touched(touch);
    m->undo = {};
    if (m->touched && !isStoreConditional(instruction)) m->undo.take(e, uc_context_size(e.uc), touch, [&](u64 at) { return translate(satp, at, memory); }, memory);
}

/* The engine has stopped, at pc. Where the thread is then. */
u64 Machine::takeBack(Hart &hart, u64 pc) {
    if (undo.registers.empty()) return pc;
    undo.apply(hart.engine);
    for (const Undo::Byte &b : undo.bytes) invalidate(b.physical, 1);
    return stoppedAt[current] = instruction;
}

/* A thread that goes on where it was stopped for an access makes that now. */
void Machine::goThrough(const Frame &f) {
    through = 1;
    if (stoppedAt.empty()) return;
    const auto mine = stoppedAt.find(current);
    if (mine == stoppedAt.end()) return;
    if (mine->second == f.pc) through = f.pc;
    stoppedAt.erase(mine);
}

void Machine::stopDebugging(u64 pc, u64 cause) {
    why = Stop::Debug, debugPc = pc, debugCause = cause;
    debugHart->engine.stop();
}

} // namespace bailiwick
