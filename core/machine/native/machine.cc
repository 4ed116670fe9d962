/* Machine programs: harts, threads, time. machine.h says what holds. */
#include "machine.h"
#include <math.h>
#include <sys/mman.h>
#include <time.h>
#include <algorithm>
#include "access.h"
#include "vcpu.h"
#include "walk.h"

namespace bailiwick {

namespace {

constexpr u64 BLOCKS_PER_TICK = 16;   /* of the deterministic clock */
constexpr u64 BLOCKS_PER_LOOK = 512;  /* how often the host's clock is read: 1 to 10 us apart */
constexpr u64 LONGEST = 1ull << 30;
constexpr size_t ALIGNMENT = 2 << 20;
constexpr u64 STALE = 4096;           /* switches after which an engine's space counts as not needed: a few milliseconds when there are many */
constexpr size_t KEPT = 3;            /* the engines that ran last: those of a call in progress */

double hostTicks() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) * 1e7 + static_cast<double>(t.tv_nsec / 100);
}

} // namespace

Memory::~Memory() {
    if (bytes) munmap(bytes, size);
}

std::shared_ptr<Memory> Memory::reserve(size_t size) {
    const size_t wide = size + ALIGNMENT;
    void *at = mmap(nullptr, wide, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    auto start = reinterpret_cast<uintptr_t>(at), aligned = (start + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    const size_t kept = (size + PAGE - 1) & ~(PAGE - 1);
    if (aligned > start) munmap(at, aligned - start);
    if (start + wide > aligned + kept) munmap(reinterpret_cast<void *>(aligned + kept), start + wide - aligned - kept);
    auto memory = std::make_shared<Memory>();
    memory->bytes = reinterpret_cast<unsigned char *>(aligned), memory->size = size;
    return memory;
}

Failure Machine::create(const Options &wanted) {
    options = wanted;
    if (Failure failure = Engine::prepare(); !failure.empty()) return failure;
    ram = Memory::reserve(options.ramBytes);
    frames = Memory::reserve(options.threads * sizeof(Frame));
    control = Memory::reserve(sizeof(Control));
    records = Memory::reserve(options.vcpus * Vcpu::RECORD_BYTES);
    if (!ram || !frames || !control || !records) return "the host refused the machine's memory: give the machine less RAM (platform.memory in a manifest)";
    if (options.largePages) madvise(ram->bytes, ram->size, MADV_HUGEPAGE);
    spaces.resize(options.spaces), vcpus.resize(options.vcpus);
    shared().deadline = INFINITY;
    started = hostTicks();
    return {};
}

Machine::~Machine() = default;

/* ---- time ---- */

double Machine::clock() const {
    return options.blockClock ? static_cast<double>(blocksRun() / BLOCKS_PER_TICK) + idle : hostTicks() - started;
}

void Machine::setClock(double ticks, u64 blocks) {
    left = 0, granted = blocks;
    if (options.blockClock) idle = ticks - static_cast<double>(blocks / BLOCKS_PER_TICK);
    else started = hostTicks() - ticks;
    publish();
}

double Machine::nextEvent() const {
    double event = shared().deadline;
    if (guest && guest->timerDue() < event) event = guest->timerDue();
    return event;
}

void Machine::budget() {
    if (shared().kick) return grant(0);
    /* Host clock: what is left stands. A look that is due stays due, or threads that trap at the right rhythm would never be looked at. */
    if (!options.blockClock) return;
    /* exact: clock >= event  <=>  blocks >= (ceil(event) - idle) * BLOCKS_PER_TICK */
    double due = (ceil(nextEvent()) - idle) * BLOCKS_PER_TICK, more = due - static_cast<double>(blocksRun());
    if (guest) more = std::min(more, guest->turnLeft());
    grant(more > 0 ? static_cast<u64>(std::min(more, static_cast<double>(LONGEST))) : 0);
}

void Machine::publish() {
    shared().blocks = static_cast<double>(blocksRun());
    shared().engines = static_cast<double>(harts.size() + guests);
}

/* The budget is used up: stop the engine, or let this block run and grant more. */
void Machine::look(uc_engine *uc, u64 block) {
    if (Engine::configuring()) return;
    const double now = clock();
    if (shared().kick || !(now < shared().deadline)) why = Stop::Preempted;
    else if (guest && guest->wantsStop(now)) why = Stop::Timer;
    else {
        grant(BLOCKS_PER_LOOK);
        budget();
        if (left == 0) grant(1);
        left--; /* the block that asked runs now */
        return;
    }
    if (why == Stop::Preempted) shared().kick = 0, shared().stoppedAt = now;
    if (!options.blockClock) grant(BLOCKS_PER_LOOK);
    stoppedBefore = block;
    uc_emu_stop(uc);
}

/* ---- harts and spaces ---- */

Failure Machine::openHart(Hart &hart) {
    hart.machine = this;
    Engine &e = hart.engine;
    if (Failure f = e.open(MACHINE_CODE_BYTES); !f.empty()) return f;
    if (Failure f = e.mapMemory(RAM_BASE, ram->size, ram->bytes); !f.empty()) return f;
    if (Failure f = e.hookTraps(onTrap, &hart); !f.empty()) return f;
    if (Failure f = e.protect(); !f.empty()) return f;
    if (Failure f = e.hookBlocks(onBlock, this); !f.empty()) return f;
    /* FS stays on: with FS off this engine takes compressed floating-point instructions for no-operations */
    e.set(Engine::layout().priv, USER), e.set(Engine::layout().mstatus, status::FS_CLEAN);
    e.restore();
    return {};
}

/* The engine that is bound to another space. One that nobody has needed for long; else not the one of the longest time ago: more spaces than engines that take
 * turns would each find its own just taken away. A few engines are passed on among those instead, behind the last that ran (who are likely to be answered), so
 * that their tables stay in the host's caches, and the others keep theirs. */
size_t Machine::victim() const {
    return ticket - order.back()->lastUsed > STALE ? order.size() - 1 : std::min(KEPT, order.size() - 1);
}

Hart *Machine::hartFor(const Frame &thread) {
    if (thread.debug & DEBUG_ANY) return hartForDebugging(thread);
    const u32 id = static_cast<u32>(thread.space);
    Space &space = spaces[id];
    size_t at = 0; /* in order */
    if (space.hart >= 0) {
        while (order[at]->index != space.hart) at++;
    } else {
        while (at < order.size() && order[at]->space >= 0) at++; /* one that is free */
        if (at == order.size() && harts.size() < options.engines) {
            auto hart = std::make_unique<Hart>();
            if (broken = openHart(*hart); !broken.empty()) return nullptr;
            hart->index = static_cast<int32_t>(harts.size());
            order.push_back(hart.get());
            harts.push_back(std::move(hart));
        } else if (at == order.size()) {
            at = victim();
            spaces[order[at]->space].hart = -1;
            shared().rebinds++;
        }
        Hart &hart = *order[at];
        hart.space = static_cast<int32_t>(id), space.hart = hart.index;
        hart.engine.set(Engine::layout().satp, 8ull << 60 | static_cast<u64>(id & 0xffff) << 44 | space.root >> 12);
        /* The tables of a space that was not bound are in no cache of the host: they come while the flush goes on. */
        const auto entry = [&](u64 table, unsigned level) { return memoryAt(table + (thread.pc >> (12 + 9 * level) & 511) * sizeof(u64), sizeof(u64)); };
        const unsigned char *const top = entry(space.root, 2);
        __builtin_prefetch(top);
        hart.engine.flushTlb();
        u64 middle;
        memcpy(&middle, top, sizeof middle);
        __builtin_prefetch(entry(middle >> 10 << 12, 1));
    }
    Hart *hart = order[at];
    for (; at > 0; at--) order[at] = order[at - 1];
    order[0] = hart;
    hart->lastUsed = ++ticket;
    return hart;
}

Failure Machine::bindSpace(u32 id, u64 root) {
    if (!memoryAt(root, PAGE) || root % PAGE) return "rootPhys must be a page of RAM";
    dropSpace(id);
    spaces[id] = {root, true, -1};
    return {};
}

void Machine::dropSpace(u32 id) {
    if (spaces[id].hart >= 0) harts[spaces[id].hart]->space = -1;
    if (debugHart && debugHart->space == static_cast<int32_t>(id)) debugHart->space = -1;
    spaces[id] = {};
}

void Machine::flushSpace(u32 id) {
    if (spaces[id].hart >= 0) harts[spaces[id].hart]->engine.flushTlb();
    if (debugHart && debugHart->space == static_cast<int32_t>(id)) debugHart->engine.flushTlb();
}

void Machine::invalidate(u64 physical, u64 bytes) {
    for (auto &hart : harts) hart->engine.invalidate(physical, bytes);
    if (debugHart) debugHart->engine.invalidate(physical, bytes);
    for (auto &vcpu : vcpus)
        if (vcpu && vcpu->leads()) vcpu->guest->invalidate(physical - RAM_BASE, bytes);
}

Failure Machine::mapDevice(const Device &device) {
    if (Failure f = checkPages(device.base, device.bytes); !f.empty()) return f;
    auto overlaps = [&](u64 base, u64 bytes) { return device.base < base + bytes && base < device.base + device.bytes; };
    if (overlaps(RAM_BASE, ram->size)) return "a device window overlaps RAM";
    if (std::any_of(devices.begin(), devices.end(), [&](const Device &d) { return overlaps(d.base, d.bytes); })) return "a device window overlaps another";
    devices.push_back(device);
    return {};
}

/* The access at pc, if it is one to a device. */
Machine::Answered Machine::accessDevice(Hart &hart, u64 pc, u32 instruction) {
    const Layout &l = Engine::layout();
    Engine &e = hart.engine;
    const Access a = decodeAccess(instruction, [&](unsigned i) { return e.x(i); });
    if (a.size == 0) return Answered::No;
    const std::optional<u64> at = translate(e.get(l.satp), a.address, [this](u64 p, u64 n) { return memoryAt(p, n); });
    if (!at) return Answered::No;
    for (auto &d : devices) {
        const u64 offset = *at - d.base;
        if (offset >= d.bytes) continue;
        u64 value = 0;
        const bool ok = a.write ? d.write(d.host, static_cast<u32>(offset), a.size, a.stored(e.x(a.reg))) : d.read(d.host, static_cast<u32>(offset), a.size, &value);
        if (!ok) return Answered::Failed;
        if (!a.write) e.setX(a.reg, a.loaded(value));
        e.set(l.pc, pc + a.length);
        budget();
        return Answered::Yes;
    }
    return Answered::No;
}

/* ---- threads ---- */

void Machine::storeThread(Hart &hart, u64 pc, u64 cause, u64 tval) {
    const Layout &l = Engine::layout();
    Frame &f = frame(current);
    memcpy(f.x, hart.engine.bytes() + l.gpr + 8, sizeof f.x);
    f.pc = pc, f.cause = cause, f.tval = tval;
    /* FS says whether floating point was written since the thread was loaded: most never do, and reading fflags is dear */
    if ((hart.engine.get(l.mstatus) & status::FS) != status::FS) return;
    uc_reg_read(hart.engine.uc, UC_RISCV_REG_FFLAGS, &hart.flags);
    memcpy(f.f, hart.engine.bytes() + l.fpr, sizeof f.f);
    f.floats = 1, hart.zeros = false;
    f.fcsr = hart.engine.get(l.frm) << 5 | (hart.flags & 31);
}

/* Into the context; the caller restores it. */
void Machine::loadThread(Hart &hart, const Frame &f) {
    const Layout &l = Engine::layout();
    Engine &e = hart.engine;
    memcpy(e.bytes() + l.gpr + 8, f.x, sizeof f.x);
    e.set(l.pc, f.pc);
    e.set(l.reservation, ~0ull); /* a store-conditional never succeeds across a trap */
    if (f.floats || !hart.zeros) memcpy(e.bytes() + l.fpr, f.f, sizeof f.f), hart.zeros = !f.floats;
    e.set(l.frm, f.fcsr >> 5 & 7);
    e.set(l.mstatus, (e.get(l.mstatus) & ~(status::FS | status::SD)) | status::FS_CLEAN);
    if ((f.fcsr & 31) == hart.flags) return;
    hart.flags = f.fcsr & 31;
    if (!e.running) e.restore(); /* the register can be written only with FS on */
    uc_reg_write(e.uc, UC_RISCV_REG_FFLAGS, &hart.flags);
}

/* The kernel's answer to the trap of the current frame. */
int32_t Machine::ask(u32 cause) {
    shared().traps++;
    /* with a kick pending the kernel has something to look at first */
    if (cause == 8 && mayBeFast && !shared().kick) {
        const int32_t next = fast.tryCall(current);
        if (next >= 0) return shared().fastCalls++, next;
    }
    publish();
    int32_t answer = handler(handlerHost, current, cause);
    budget();
    return answer;
}

/* Whether the thread goes on where this hart is, without a stop. */
bool Machine::stays(const Hart &hart, const Frame &thread) const {
    return spaces[static_cast<u32>(thread.space)].hart == hart.index && !(thread.debug & DEBUG_ANY);
}

/* Takes the answer as the next thread; false when run() has to end. */
bool Machine::choose(int32_t answer) {
    if (answer < 0) return false;
    const u64 space = answer < static_cast<int32_t>(options.threads) ? static_cast<u32>(frame(answer).space) : ~0ull;
    if (space >= options.spaces || !spaces[space].bound) {
        broken = "frame " + std::to_string(answer) + " does not exist or names an address space that is not bound";
        return false;
    }
    current = static_cast<u32>(answer);
    return true;
}

void Machine::onTrap(uc_engine *, u32 cause, void *user) {
    auto *hart = static_cast<Hart *>(user);
    hart->machine->trapped(*hart, cause);
}

void Machine::trapped(Hart &hart, u32 cause) {
    const Layout &l = Engine::layout();
    Engine &e = hart.engine;
    e.save();
    touched.reset(); /* its access trapped */
    u64 pc = e.get(l.pc), tval = 0; /* the engine has added 4, whatever trapped */
    if (cause == 2) {
        pc -= 4;
        tval = instructionAt(e.get(l.satp), pc, [this](u64 at, u64 bytes) { return memoryAt(at, bytes); });
    } else if (cause != 8) {
        pc -= 4, tval = e.get(l.badaddr);
    }
    if (cause == 5 || cause == 7) {
        const u32 instruction = instructionAt(e.get(l.satp), pc, [this](u64 at, u64 bytes) { return memoryAt(at, bytes); });
        const Answered answered = accessDevice(hart, pc, instruction);
        if (answered == Answered::Yes) return e.restore();
        if (answered == Answered::Failed) { /* the device's callback threw: the access has not happened */
            storeThread(hart, pc, CAUSE_PREEMPTED, 0);
            why = Stop::Left;
            return e.stop();
        }
        if (isStoreLike(instruction)) cause = 7;
    }
    /* a call is done, and so is what led to a page that is not there: what stands next is not passed */
    if (begun > 0 && (cause == 8 || cause == 12 || cause == 1)) frame(current).debug &= ~DEBUG_PASS;
    storeThread(hart, pc, cause, tval);
    if (!choose(ask(cause))) {
        why = Stop::Left;
    } else if (stays(hart, frame(current))) {
        loadThread(hart, frame(current));
        e.restore();
        return;
    } else {
        why = Stop::Switch;
    }
    e.stop();
}

/* What ended a run without a trap, as a cause; the thread is stored. */
u64 Machine::afterStop(Hart &hart, uc_err error) {
    hart.engine.save();
    u64 pc = hart.engine.get(Engine::layout().pc);
    if (why == Stop::Debug) return storeThread(hart, touched ? takeBack(hart, debugPc) : debugPc, debugCause, touched.value_or(0)), debugCause;
    if (why != Stop::None && touched) return storeThread(hart, takeBack(hart, pc), CAUSE_ACCESSED, *touched), CAUSE_ACCESSED;
    if (why != Stop::None && begun == 0 && through != 1) stoppedAt[current] = through; /* it has not come to it */
    if (why != Stop::None && begun > 0) frame(current).debug &= ~DEBUG_PASS; /* as in trapped() */
    /* a step that was taken before the preemption is not taken twice */
    if (why != Stop::None && begun > 0 && frame(current).debug & DEBUG_STEP) return storeThread(hart, pc, CAUSE_STEPPED, 0), CAUSE_STEPPED;
    if (why != Stop::None) return storeThread(hart, pc, CAUSE_PREEMPTED, 0), CAUSE_PREEMPTED;
    if (error == UC_ERR_INSN_INVALID || error == UC_ERR_EXCEPTION) return storeThread(hart, pc, 3, pc), 3;
    return storeThread(hart, pc, CAUSE_ENGINE, error), CAUSE_ENGINE;
}

Failure Machine::run(u32 first, TrapHandler trapHandler, void *host, bool mayFast) {
    if (busy()) return "run() is not re-entrant";
    handler = trapHandler, handlerHost = host, mayBeFast = mayFast, broken.clear();
    active = true;
    budget();
    for (bool going = choose(static_cast<int32_t>(first)); going;) {
        Hart *hart = hartFor(frame(current));
        if (!hart) break;
        loadThread(*hart, frame(current));
        why = Stop::None, begun = 0, touched.reset();
        goThrough(frame(current));
        uc_err error;
        for (;;) {
            error = hart->engine.resume();
            if (why != Stop::None || error != UC_ERR_OK || !hart->engine.ranOut()) break;
            hart->engine.save();
        }
        if (why == Stop::Switch) continue;
        if (why == Stop::Left) break;
        const u64 cause = afterStop(*hart, error);
        going = choose(ask(static_cast<u32>(cause)));
    }
    active = false, why = Stop::None;
    shared().stoppedAt = clock();
    publish();
    return broken;
}

} // namespace bailiwick
