/* The machine: RAM, the clock, the pool of harts that run machine programs, and run().
 *
 * Invariants
 *  - A hart is an engine in user mode with one address space. A space is on at most one hart, a hart holds at most one space.
 *  - A thread's frame is the truth whenever the thread is not on a hart; a hart's registers never outlive the thread in a
 *    way that another thread could see: x1..x31, f0..f31 and fcsr are all replaced, always.
 *  - A device access is carried out between two instructions (access.h): done and stepped over, or not at all.
 *  - Preemption happens at block boundaries only, inside the block hook: the one asynchronous stop that is exact.
 *  - A thread that is being debugged runs on a hart of its own kind, which looks at each instruction (debug.cc); the others pay nothing for it.
 *  - One thread of the host drives everything; run() is not entered twice, a VCPU may run from inside a trap.
 */
#pragma once
#include <array>
#include <map>
#include <memory>
#include <optional>
#include "engine.h"
#include "fastpath.h"
#include "watchpoints.h"

namespace bailiwick {

constexpr u64 RAM_BASE = 0x80000000;
/* For translations. Address space only: they are forgotten at about a quarter of it (engine.cc). No more than TCG takes on either machine. */
constexpr u32 MACHINE_CODE_BYTES = 64 << 20;
#if defined(__aarch64__)
constexpr u32 GUEST_CODE_BYTES = 128 << 20;
#else
constexpr u32 GUEST_CODE_BYTES = 256 << 20;
#endif

/* A thread's registers and the kernel's record of it, shared with JavaScript: u64[88]. */
struct Frame {
    u64 pc, x[31], f[32], fcsr, space, cause, tval, debug;
    u64 floats; /* 0: f holds zeros only, since this thread has never had anything else there; others set it with what they write */
    u64 spare[2];
    int32_t kernel[32];
};
/* Frame::debug. PASS: the instruction at pc is executed even if a breakpoint stands there. */
constexpr u64 DEBUG_STEP = 1, DEBUG_BREAK = 2, DEBUG_PASS = 4, DEBUG_WATCH = 8, DEBUG_ANY = DEBUG_STEP | DEBUG_BREAK | DEBUG_WATCH;
constexpr u32 BREAKPOINTS = 48; /* of a thread: its own debugger's, and the operator's */
static_assert(sizeof(Frame) == 704 && offsetof(Frame, f) == 32 * 8 && offsetof(Frame, fcsr) == 64 * 8);

constexpr u64 CAUSE_PREEMPTED = 64, CAUSE_ENGINE = 65, CAUSE_STEPPED = 66, CAUSE_BREAKPOINT = 67, CAUSE_ACCESSED = 68;

/* Words shared with JavaScript: float64 at 0, the kick at byte 256. */
struct Control {
    double deadline, stoppedAt, blocks, engines, rebinds, traps, fastCalls, spare[25];
    int32_t kick, spareWords[63];
};
static_assert(offsetof(Control, kick) == 256 && sizeof(Control) == 512);

/* Memory handed to JavaScript and to engines. Freed when the last of both let go. */
struct Memory {
    unsigned char *bytes = nullptr;
    size_t size = 0;
    ~Memory();
    static std::shared_ptr<Memory> reserve(size_t size); /* zeroed, 2 MiB aligned; null when the host refuses */
};

struct Machine;
struct Guest;
class Vcpu;

/* The kernel above, as run() calls it: the next frame, LEAVE, or THROWN when it failed and run() must end. */
constexpr int32_t LEAVE = -1, THROWN = -2;
using TrapHandler = int32_t (*)(void *host, u32 frame, u32 cause);

/* A device window of the machine. `host` answers accesses; false means that it failed and run() must end. */
struct Device {
    u64 base, bytes;
    void *host;
    bool (*read)(void *host, u32 offset, u32 size, u64 *value);
    bool (*write)(void *host, u32 offset, u32 size, u64 value);
};

struct Hart {
    Machine *machine = nullptr;
    Engine engine;
    int32_t space = -1;
    u64 lastUsed = 0;
    u64 flags = 0;      /* fflags that the engine holds: the context does not carry them */
    bool zeros = false; /* its floating-point registers are all zero: most threads never use them */
    int32_t index = -1; /* in Machine::harts */
};

struct Options {
    u64 ramBytes;
    u32 threads, spaces, engines, vcpus;
    bool blockClock, largePages;
};

/* Why the engine that runs was stopped. */
enum class Stop { None, Preempted, Timer, Switch, Left, Debug, Mmio, Sbi, Broken };

struct Machine {
    Options options;
    std::shared_ptr<Memory> ram, frames, control, records;
    std::vector<Device> devices;
    std::vector<std::unique_ptr<Hart>> harts;
    std::vector<std::unique_ptr<Vcpu>> vcpus;
    struct Space {
        u64 root = 0;
        bool bound = false;
        int32_t hart = -1;
    };
    std::vector<Space> spaces;

    Failure create(const Options &);
    ~Machine();

    Failure bindSpace(u32 space, u64 root);
    void dropSpace(u32 space);
    void flushSpace(u32 space);
    void invalidate(u64 physical, u64 bytes);
    Failure mapDevice(const Device &);
    /* The kernel's tables: from now on run() may carry out plain calls (fastpath.h). */
    void share(const Tables &tables) { fast.share(tables, &frame(0), options.threads); }
    void setBreakpoint(u32 frame, u32 number, u64 address, bool on);
    void setWatchpoints(u32 frame, Watchpoints); /* all of the thread's */
    /* fast: plain calls are carried out here (fastpath.h), once tables are shared. Empty when the kernel left (or threw: then the host knows). */
    Failure run(u32 frame, TrapHandler, void *host, bool fast = false);

    /* Time in ticks of 100 ns, whole. */
    double clock() const;
    void advance(double ticks) { idle += ticks; }
    void setClock(double ticks, u64 blocks); /* as if so many blocks had run */

    /* The block budget: how many blocks may run before look() is due. */
    static void onBlock(uc_engine *uc, u64 address, u32, void *user) {
        auto *machine = static_cast<Machine *>(user);
        if (machine->left-- > 0) return;
        machine->left = 0;
        machine->look(uc, address);
    }
    u64 blocksRun() const { return granted - static_cast<u64>(left); }
    void budget(); /* after anything that may have moved a deadline, or kicked */
    void publish();

    u32 guests = 0; /* that exist: each has an engine */
    Stop why = Stop::None;
    /* Where look() has stopped the engine since this was reset. One with a hook on some instructions, but not on all, does not say itself where it is: see watch.cc. */
    std::optional<u64> stoppedBefore;
    Guest *guest = nullptr; /* the one that runs */
    bool busy() const { return active || guest; }
    Control &shared() const { return *reinterpret_cast<Control *>(control->bytes); }
    Frame &frame(u32 i) const { return reinterpret_cast<Frame *>(frames->bytes)[i]; }
    unsigned char *memoryAt(u64 physical, u64 bytes) const {
        u64 offset = physical - RAM_BASE;
        return offset < ram->size && bytes <= ram->size - offset ? ram->bytes + offset : nullptr;
    }

private:
    FastPath fast;
    int64_t left = 0;
    u64 granted = 0, ticket = 0;
    double idle = 0, started = 0;
    bool active = false, mayBeFast = false;
    TrapHandler handler = nullptr;
    void *handlerHost = nullptr;
    u32 current = 0, next = 0;
    Failure broken;

    void grant(u64 blocks) { granted += blocks - static_cast<u64>(left), left = static_cast<int64_t>(blocks); }
    void look(uc_engine *, u64 block);
    double nextEvent() const;
    int32_t ask(u32 cause);
    bool choose(int32_t answer);
    std::vector<Hart *> order; /* all harts, the one that ran last first */
    size_t victim() const;
    Hart *hartFor(const Frame &);
    bool stays(const Hart &, const Frame &) const;
    Failure openHart(Hart &);
    void storeThread(Hart &, u64 pc, u64 cause, u64 tval);
    void loadThread(Hart &, const Frame &);
    void trapped(Hart &, u32 cause);
    u64 afterStop(Hart &, uc_err);
    static void onTrap(uc_engine *, u32 cause, void *hart);

    /* debugging: debug.cc */
    std::unique_ptr<Hart> debugHart;
    std::map<u32, std::array<std::optional<u64>, BREAKPOINTS>> breakpoints; /* by frame */
    std::map<u32, Watchpoints> watchpoints; /* by frame; none of them empty */
    uc_hook accesses = 0;
    u64 begun = 0, debugPc = 0, debugCause = 0; /* instructions begun since the thread was loaded; where it stopped, and why */
    u64 instruction = 0; /* that was begun last, its address */
    std::optional<u64> touched; /* what it has touched of memory that is watched, and as if it had not */
    Undo undo;
    std::map<u32, u64> stoppedAt; /* by frame: where it was stopped for that; it goes through to it there */
    u64 through = 1;
    u64 takeBack(Hart &, u64 pc);
    void goThrough(const Frame &);
    Hart *hartForDebugging(const Frame &);
    static void onInstruction(uc_engine *, u64 address, u32 size, void *machine);
    static void onAccess(uc_engine *, uc_mem_type, u64 physical, int size, int64_t value, void *machine);
    void stopDebugging(u64 pc, u64 cause);
    enum class Answered { No, Yes, Failed };
    Answered accessDevice(Hart &, u64 pc, u32 instruction);
};

} // namespace bailiwick
