/* A guest: guest-physical memory, and the harts that share it. They share one engine, too, and take turns on it.
 *
 * Invariants
 *  - One hart at a time is on the engine: its context is the engine's. What an engine has beside a context is changed with it: fflags, the attention that mip
 *    gets, and the TLB, which is flushed between harts whose addresses mean different things.
 *  - Turns end between two instructions, and a reservation ends with the turn: so AMOs are atomic, and a store-conditional fails when another hart may have stored.
 *  - All stores of the guest go through the engine that holds the translations of its code. So it sees code that is changed, whichever hart changes it and
 *    whichever has run it: engines of their own would execute what other harts have overwritten, since fence.i cannot be seen from outside.
 *  - A turn is so many blocks, and whose it is stands in the leader's record: two runs by counted blocks rotate at the same places.
 *  - A hart keeps its number; hart 0 is the leader, whose record tells which hart an exit is of. The guest is gone when that is.
 * Source: RISC-V SBI 2.0, chapters 3 (hart masks), 7, 8 and 9 (states of harts).
 */
#pragma once
#include <algorithm>
#include <map>
#include "machine.h"
#include "watchpoints.h"

namespace bailiwick {

enum class Exit : u64 { None = 0, Mmio = 1, Sbi = 2, Wfi = 3, Preempted = 4, Broken = 5, Debug = 6 };
constexpr size_t EXITS = 7;

struct Guest {
    static constexpr u32 MAX_HARTS = 8;

    Machine &machine;
    Engine engine;
    std::vector<Vcpu *> harts; /* by number; null: destroyed */

    u64 fflags = 0; /* what the engine held when a hart left it last */

    explicit Guest(Machine &owner) : machine(owner) { machine.guests++; }
    Guest(const Guest &) = delete;
    Guest &operator=(const Guest &) = delete;
    ~Guest() { machine.guests--; }

    Failure open(Vcpu &leader);

    /* Guest-physical windows: whole pages that overlap nothing. RAM windows show machine RAM from ramOffset. */
    Failure mapRam(u64 base, u64 ramOffset, u64 bytes);
    Failure unmapRam(u64 base, u64 bytes); /* any part of what is mapped */
    Failure mapDevice(u64 base, u64 bytes);
    Failure unmapDevice(u64 base, u64 bytes); /* exactly one window */
    bool hasMemory() const { return !ram.empty() || !deviceWindows.empty(); }
    bool hasDevice(u64 guestPhysical) const;
    unsigned char *memoryAt(u64 guestPhysical, u64 bytes) const;
    void invalidate(u64 ramOffset, u64 bytes);
    void writtenAt(u64 guestPhysical, u64 bytes); /* by us in place of a hart, within memory: also from a trap, before its context is changed */
    /* For harts with a machine mode (machine_mode.h): from the next applyWindows() on, the table that guards their accesses, if there is room for one. */
    void wantGuard();
    bool hasGuard() const { return guarded; }
    Failure applyWindows(); /* what was mapped since: before registers that refer to it are used */

    /* Until an exit, whose reason it is then and which the records tell of. */
    Failure run();
    void settle(); /* the exit before is completed, by what its record says; run() begins with it */
    Exit reason() const { return left; }
    void leave(Vcpu &, Exit);

    /* Puts a hart on the engine. Not while that runs. */
    void load(Vcpu &);
    bool isLoaded(const Vcpu &hart) const { return loaded == &hart; }
    void drop(Vcpu &); /* it is being destroyed */

    /* The harts that a hart mask of the SBI selects, a bit each; nothing when it selects one that there is not. */
    std::optional<u64> select(u64 mask, u64 base) const;
    /* The turn is over after this instruction. Only from a trap. */
    void passTurn();

    /* The machine's clock, for a hart that looks at its timer. */
    double look() {
        const double now = machine.clock();
        entered = std::min(entered, now);
        return now;
    }

    /* For a debugger (watch.cc): harts stop at these addresses of theirs, and at accesses to this memory, from the next run on. Until stopWatching() what was asked for once may go on being looked at. */
    void watch(std::vector<u64> addresses, Watchpoints memory);
    void stopWatching();

    /* Of the CLINT, in ticks. */
    u64 time() const;
    void setTime(u64);

    /* Machine time at which a timer has to interrupt; infinity for never. */
    double timerDue() const;
    /* Blocks until the turn is over, infinity while nobody waits for his. */
    double turnLeft() const;
    bool wantsStop(double now) const { return now >= timerDue() || turnLeft() <= 0; }

private:
    struct RamWindow {
        u64 base, ramOffset, bytes;
        bool mapped;
    };
    struct DeviceWindow {
        u64 base, bytes;
    };

    std::vector<RamWindow> ram;
    std::vector<DeviceWindow> deviceWindows;
    bool windowsChanged = true;
    bool guardWanted = false, guarded = false;
    Vcpu *loaded = nullptr;
    bool contended = false; /* a hart waits for its turn */
    Exit left{};
    double entered = 0; /* when a hart first looked at the clock in this run, which it does before it is on the engine: a look of our own would cost a tenth of an exit */

    /* watch.cc */
    std::vector<u64> watched;      /* in order */
    std::map<u64, uc_hook> hooked; /* by address; more than are watched */
    uc_hook everywhere = 0;        /* on all instructions: while a hart steps or memory is watched, and a little longer */
    Watchpoints watchpoints;
    uc_hook accesses = 0;
    u64 accessKinds = 0;
    u32 lingered = 0;
    Failure applyWatch();
    bool unhook();
    static void onInstruction(uc_engine *, u64 address, u32 size, void *guest);
    static void onAccess(uc_engine *, uc_mem_type, u64 physical, int size, int64_t value, void *guest);

    Failure overlap(u64 base, u64 bytes) const;
    Failure applyGuard();
    Vcpu *next();
    static void onTrap(uc_engine *, u32 cause, void *guest);
};

} // namespace bailiwick
