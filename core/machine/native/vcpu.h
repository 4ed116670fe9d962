// SEE core/machine/native/FOUNDERS-NOTE.txt (from the founder, 19:27): VCPU MMIO exits must change.
/* A virtual CPU: one hart in supervisor mode that runs a guest operating system, and what a hypervisor extension and the
 * firmware below a guest do in hardware: the guest's own traps, rdtime, the timer, interrupt lines, the SBI calls that
 * concern only the hart. Everything else leaves run() with a filled record.
 *
 * Invariants
 *  - An MMIO access leaves run() once for each of its parts (the engine splits 8 bytes into 4 and 4, an atomic into a read and
 *    a write) and takes effect once: the engine stops before the access, repeats it on the next run(), and is answered from
 *    `answers`, the parts that the VMM has completed already.
 *  - Between an exit and the repetition no interrupt is delivered: lines stay as they are until the answers are consumed.
 *  - mip of the hart = the guest's own SSIP, STIP when guest time has reached timecmp, SEIP as the VMM's line says.
 * Sources: RISC-V Privileged Architecture 1.12, chapter 4; RISC-V SBI 2.0, chapters 5 to 8.
 */
#pragma once
#include "machine.h"

namespace bailiwick {

enum class Exit : u64 { Mmio = 1, Sbi = 2, Wfi = 3, Preempted = 4, Broken = 5 };

/* Shared with JavaScript; the same table, by word, is VCPU_RECORD in ../unicorn.ts. */
struct Record {
    u64 reason, address, size, isWrite, data, completed, lines;
    double timecmp, offset;
    u64 flags, a[8], exits, sbiCalls;
    u64 pc, x[31], sstatus, sie, stvec, sscratch, sepc, scause, stval, sip, satp, priv, scounteren, fcsr, f[32];
};
static_assert(offsetof(Record, timecmp) == 7 * 8 && offsetof(Record, a) == 10 * 8 && offsetof(Record, pc) == 20 * 8 && offsetof(Record, sstatus) == 52 * 8 && offsetof(Record, f) == 64 * 8);

class Vcpu {
public:
    static constexpr size_t RECORD_BYTES = 1024;
    static_assert(sizeof(Record) <= RECORD_BYTES);

    Vcpu(Machine &, Record *);
    ~Vcpu() { machine.guests--; }
    Failure open();

    /* Guest-physical windows: whole pages that overlap nothing. RAM windows show machine RAM from ramOffset. */
    Failure mapRam(u64 base, u64 ramOffset, u64 bytes);
    Failure unmapRam(u64 base, u64 bytes); /* any part of what is mapped */
    Failure mapDevice(u64 base, u64 bytes);
    Failure unmapDevice(u64 base, u64 bytes); /* exactly one window */
    void invalidate(u64 ramOffset, u64 bytes);

    Failure run(); /* the record says why it ended */
    u64 reason() const { return record.reason; }
    Failure readRegisters();
    Failure writeRegisters();

    /* Machine time at which STIP has to rise; infinity when it is up already, not armed, or held back. */
    double timerDue() const;
    bool wantsStop(double now) const { return changedLines || now >= timerDue(); }

private:
    struct RamWindow {
        u64 base, ramOffset, bytes;
        bool mapped;
    };
    struct DeviceWindow {
        u64 base, bytes;
        Vcpu *vcpu;
    };
    struct Part { /* of an MMIO access, completed by the VMM */
        u64 address, size, write, data;
    };
    static constexpr size_t MOST_PARTS = 16;

    Machine &machine;
    Record &record;
    Engine engine;
    std::vector<RamWindow> ram;
    std::vector<std::unique_ptr<DeviceWindow>> deviceWindows;
    bool windowsChanged = true;
    enum class Pending { None, Mmio, Sbi } pending = Pending::None;
    std::vector<Part> answers;
    size_t consumed = 0;
    u64 answersPc = 0, blocksAtStart = 0;
    bool changedLines = false; /* lines were held back and may be applied at the next block */

    Failure applyWindows();
    const unsigned char *memoryAt(u64 guestPhysical, u64 bytes) const;
    bool answering() const { return consumed < answers.size(); }
    bool timerExpired() const;
    void completePending();
    u64 wantedLines() const;
    void applyLines();
    void raise(u64 mip);
    void leave(Exit);
    void leaveMmio();
    void trapped(u32 cause);
    void deliver(u64 cause, u64 epc, u64 tval);
    bool emulateTime(u32 instruction, u64 pc);
    bool firmware();
    u64 access(u64 address, unsigned size, bool write, u64 data);
    static void onTrap(uc_engine *, u32 cause, void *vcpu);
    static u64 onRead(uc_engine *, u64 offset, unsigned size, void *window);
    static void onWrite(uc_engine *, u64 offset, unsigned size, u64 value, void *window);
};

} // namespace bailiwick
