/* A virtual CPU: one hart in supervisor mode that runs a guest operating system, and what a hypervisor extension and the
 * firmware below a guest do in hardware: the guest's own traps, rdtime, the timer, interrupt lines, the SBI calls that
 * concern only the hart. Everything else leaves run() with a filled record.
 *
 * Invariants
 *  - An MMIO access leaves run() once and takes effect once: pc stays at it until the VMM has answered (access.h).
 *  - mip of the hart = the guest's own SSIP, STIP when guest time has reached timecmp, SEIP as the VMM's line says.
 * Sources: RISC-V Privileged Architecture 1.12, chapter 4; RISC-V SBI 2.0, chapters 5 to 8.
 */
#pragma once
#include "access.h"
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
    Failure restore(); /* a VCPU that has not run goes on from its record, also in the middle of an exit */

    /* Machine time at which STIP has to rise; infinity when it is up already or not armed. */
    double timerDue() const;
    bool wantsStop(double now) const { return now >= timerDue(); }

private:
    struct RamWindow {
        u64 base, ramOffset, bytes;
        bool mapped;
    };
    struct DeviceWindow {
        u64 base, bytes;
    };

    Machine &machine;
    Record &record;
    Engine engine;
    std::vector<RamWindow> ram;
    std::vector<DeviceWindow> deviceWindows;
    bool windowsChanged = true;
    enum class Pending { None, Mmio, Sbi } pending = Pending::None;
    Access pendingAccess;

    Failure applyWindows();
    const unsigned char *memoryAt(u64 guestPhysical, u64 bytes) const;
    bool timerExpired() const;
    void completePending();
    void applyLines();
    void raise(u64 mip);
    void leave(Exit);
    void trapped(u32 cause);
    void deliver(u64 cause, u64 epc, u64 tval);
    bool emulateTime(u32 instruction, u64 pc);
    bool firmware();
    bool exitForDevice(u32 instruction, u64 pc);
    Failure overlap(u64 base, u64 bytes) const;
    static void onTrap(uc_engine *, u32 cause, void *vcpu);
};

} // namespace bailiwick
