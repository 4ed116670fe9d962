/* One rv64 hart of the Unicorn engine: registers, memory map, physical memory protection, start and stop.
 *
 * Usable alone; the machine (machine.h) and the virtual CPUs (vcpu.h) are built on it and on nothing else of Unicorn.
 *
 * Invariants
 *  - While the engine does not run, `context` is the truth and the live registers are scratch: every start restores it,
 *    and after every stop it is saved. While it runs (inside a hook) the live registers are the truth: save(), edit, restore().
 *  - Context fields are reached by offsets found by calibration (calibrate.cc), never by constants.
 *  - S and U mode reach only the windows that were mapped: the PMP of the hart denies everything else, so that an access to
 *    nothing is an ordinary access fault with an exact pc and address, also for fetches and page-table walks.
 * Sources: unicorn.h of 2.1.1 to 2.1.4; RISC-V Privileged Architecture 1.12, 3.7 (PMP).
 */
#pragma once
#include <stdint.h>
#include <string.h>
#include <string>
#include <vector>
#include <unicorn/unicorn.h>

namespace bailiwick {

using u32 = uint32_t;
using u64 = uint64_t;

/* What went wrong, in words for the caller; empty when nothing did. */
using Failure = std::string;

constexpr u64 PAGE = 4096;
constexpr u64 PHYSICAL_END = 1ull << 48; /* windows lie below; the engine's own scratch page lies above */
Failure checkPages(u64 base, u64 bytes); /* a window must be whole pages below PHYSICAL_END */
enum Privilege : u64 { USER = 0, SUPERVISOR = 1, MACHINE = 3 };

namespace status { /* mstatus and sstatus */
constexpr u64 SIE = 1 << 1, SPIE = 1 << 5, SPP = 1 << 8, FS = 3 << 13, FS_CLEAN = 2 << 13, SUM = 1 << 18, MXR = 1 << 19, SD = 1ull << 63;
constexpr u64 MIE = 1 << 3, MPIE = 1 << 7, MPP = 3 << 11, MPRV = 1 << 17, TVM = 1 << 20, TW = 1 << 21, TSR = 1 << 22; /* mstatus alone */
}

/* Byte offsets into a saved context. Fields are 8 bytes and may lie on 4-byte boundaries. */
struct Layout {
    size_t gpr, fpr, pc, reservation, frm, badaddr, priv, mstatus, mip, mie, stvec, sscratch, sepc, scause, stval, satp, scounteren;
};

/* Finds the offsets by planting values, once a process, and verifies them. */
Failure calibrate(Layout &layout);

struct Window {
    u64 base, bytes;
    u64 permissions; /* as in pmpcfg */
    void *host;      /* null: a device */
    u64 end() const { return base + bytes; }
};

/* All registers of a hart, as the engine saves them. */
struct Context {
    uc_context *context = nullptr;

    u64 get(size_t at) const {
        u64 value;
        memcpy(&value, bytes() + at, sizeof value);
        return value;
    }
    void set(size_t at, u64 value) { memcpy(bytes() + at, &value, sizeof value); }
    inline u64 x(unsigned i) const;
    inline void setX(unsigned i, u64 value);
    char *bytes() const { return reinterpret_cast<char *>(context); }
};

class Engine : public Context {
public:
    uc_engine *uc = nullptr;
    bool running = false;

    Engine() = default;
    Engine(const Engine &) = delete;
    Engine &operator=(const Engine &) = delete;
    ~Engine() { close(); }

    /* codeBytes: size of the translation buffer. */
    Failure open(u32 codeBytes);
    void close();

    /* Ranges are page multiples below PHYSICAL_END that overlap nothing mapped. `host` stays the caller's. */
    Failure mapMemory(u64 base, u64 bytes, void *host);
    Failure mapTable(u64 base, u64 bytes, void *host); /* for reading alone, also by the hart's walks of page tables */
    Failure mapDevice(u64 base, u64 bytes, uc_cb_mmio_read_t read, uc_cb_mmio_write_t write, void *user);
    Failure unmap(u64 base, u64 bytes); /* exactly one window, as it was mapped */
    /* Makes the windows mapped so far, and only them, reachable from S and U mode. Not while running. */
    Failure protect();

    Failure hookTraps(uc_cb_hookintr_t callback, void *user);
    Failure hookBlocks(uc_cb_hookcode_t callback, void *user);
    /* Slow where it is: for debugging. Of all instructions, or of those at one address, whether there is one now or not; in force for what is translated from then on: forgetCode(). */
    Failure hookInstructions(uc_cb_hookcode_t callback, void *user);
    /* The same of hooks that go again: while there is one the engine is not renewed. */
    Failure watchInstructions(uc_cb_hookcode_t callback, void *user, uc_hook *made);
    Failure watchInstructionAt(u64 address, uc_cb_hookcode_t callback, void *user, uc_hook *made);
    /* Before loads, stores or both (LOADS and STORES of watchpoints.h), told by physical address. */
    Failure watchAccesses(u64 kinds, uc_cb_hookmem_t callback, void *user, uc_hook *made);
    void unwatch(uc_hook); /* not while running, and forgetCode() before it runs again */

    /* A further context, which begins as a copy of the present one; null when the host has no memory. All are the engine's, until it is closed. */
    uc_context *addContext();
    /* Another context is the hart's from now on. Not while running. What the context does not hold stays as it is: fflags, the TLB, whether mip is looked at. */
    void use(uc_context *other) { context = other; }
    const std::vector<uc_context *> &allContexts() const { return contexts; }

    void save() { uc_context_save(uc, context); }
    void restore() { uc_context_restore(uc, context), parked = false; }

    /* Runs from the context's pc until something stops it. The caller saves, unless a hook has done so last. */
    uc_err resume() {
        if (translated > room / 4 * 3) forgetCode();
        outOfRoom = false;
        restore();
        running = true;
        uc_err error = uc_emu_start(uc, get(layout().pc), 0, 0, 0);
        running = false;
        return error;
    }
    /* For who finds no other reason why resume() came back: it did so for its translations, and is to be called again (the context is saved). */
    bool ranOut() const { return outOfRoom; }
    /* Only from inside a trap, block or device callback. */
    void stop() { uc_emu_stop(uc); }

    /* Control and status registers by Unicorn's number, whatever the privilege (but fcsr and its parts need FS on). */
    u64 readCsr(int reg);
    void writeCsr(int reg, u64 value);

    void flushTlb() { uc_ctl_flush_tlb(uc); }
    /* Forgets all translations, and gives their memory, and that of all else the engine knows of them, back to the host: renew.cc. Not while running. */
    void forgetCode();
    /* Memory of this physical range was written from outside the hart: forget its translations. */
    void invalidate(u64 base, u64 bytes);

    /* The engine runs code of its own (protect()): a block hook must let it pass. */
    static bool configuring() { return ownCode; }

    static constexpr size_t MOST_RUNS = 8; /* of windows that do not touch each other */

    static const Layout &layout() { return found; }
    static Failure prepare(); /* version check and calibration, once a process */

private:
    static Layout found;
    static thread_local bool ownCode;
    struct Hook {
        int kind;
        void *callback, *user;
    };
    std::vector<Window> windows;
    std::vector<Hook> hooks; /* but for the engine's own */
    u32 watches = 0;
    std::vector<uc_context *> contexts;
    /* Bytes for translations, and about how many there are since they were forgotten. */
    u64 room = 0, translated = 0;
    unsigned char *buffer = nullptr; /* where they lie; null: not known */
    bool large = false; /* they lie in large pages */
    static constexpr u64 KEPT = 256 << 10; /* of the buffer, from its start: the code that enters and leaves translations lies there */
    bool outOfRoom = false;
    bool parked = false; /* the live privilege is M, whatever the context says, until the next restore() */

    static void onTranslated(uc_engine *uc, uc_tb *block, uc_tb *before, void *user);
    Failure checkRange(u64 base, u64 bytes) const;
    Failure mapAs(u64 base, u64 bytes, void *host, u64 permissions);
    u64 enterMachineMode(); /* returns the privilege to give back to leaveMachineMode */
    void leaveMachineMode(u64 privilege);
    friend Failure calibrate(Layout &);
    Failure openBare(u32 codeBytes);
    Failure openHart(u32 codeBytes);
    Failure addHook(const char *what, int kind, void *callback, void *user);
    Failure renew();
    void smallPages();
};

u64 Context::x(unsigned i) const { return get(Engine::layout().gpr + 8 * i); }
void Context::setX(unsigned i, u64 value) {
    if (i != 0) set(Engine::layout().gpr + 8 * i, value);
}

/* The engine's own page: code for M mode that no window can reach. */
struct Scratch {
    static constexpr u64 AT = PHYSICAL_END;
    static constexpr size_t PROTECT = 0, CALIBRATE = 256, ROOT = PAGE, BYTES = 2 * PAGE;
    alignas(PAGE) unsigned char bytes[BYTES];
    static Scratch &get();
};

const char *engineVersionProblem();

} // namespace bailiwick
