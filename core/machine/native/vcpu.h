/* A virtual CPU: one hart in supervisor mode of a guest (guest.h), and what a hypervisor extension and the firmware below a guest do in hardware: the guest's
 * own traps, rdtime, the timer, interrupt lines, the SBI calls that concern only harts. Everything else leaves Guest::run() with a filled record.
 *
 * Invariants
 *  - An MMIO access leaves run() once and takes effect once: pc stays at it until the VMM has answered (access.h).
 *  - mip of the hart = the guest's own SSIP, STIP when guest time has reached timecmp, SEIP as the VMM's line says.
 * Sources: RISC-V Privileged Architecture 1.12, chapter 4; RISC-V SBI 2.0, chapters 5 to 8.
 */
#pragma once
#include "access.h"
#include "guest.h"

namespace bailiwick {

/* Numbers of the SBI's hart states, and one of ours: in a wfi. Waiting and suspended harts start again by an interrupt. */
enum class HartState : u64 { Started = 0, Stopped = 1, Suspended = 4, Waiting = 5 };

/* What a hart with a machine mode has beside the registers below (machine_mode.h). `active`: it is in that mode; the registers of satp, mie and mip are for then. From mstatus on the kernel
 * reads and writes them by VcpuRegister of caps/abi/numbers.ts, in this order. */
struct MachineState {
    u64 present, active, satp, mstatus, medeleg, mideleg, mie, mip, mtvec, mscratch, mepc, mcause, mtval, mcounteren, mcountinhibit, timecmp, msip;
    u64 cycles, instructions; /* what the counters are ahead of the clock; while inhibited: what they are */
    u64 pmpcfg[2], pmpaddr[16];
};

/* What has happened since the VCPU was made: nothing is decided by it. */
struct Counts {
    u64 exits[EXITS]; /* of a leader: by Exit */
    double inside;    /* of a leader: ticks in Guest::run() */
    u64 raised[3];    /* of a hart without a machine mode: how often its software, timer and external interrupt rose by us */
};

/* Shared with JavaScript; the same table, by word, is VCPU_RECORD in ../unicorn.ts. */
struct Record {
    u64 reason, address, size, isWrite, data, completed, lines;
    double timecmp, offset;
    HartState state;
    u64 a[8], exits, sbiCalls;
    u64 pc, x[31], sstatus, sie, stvec, sscratch, sepc, scause, stval, sip, satp, priv, scounteren, fcsr, f[32];
    u64 hart, turn, turnEnds; /* of a leader: whose exit it was, whose turn it is, and at which count of blocks that is over */
    MachineState machine;
    Counts counts;
};
static_assert(offsetof(Record, timecmp) == 7 * 8 && offsetof(Record, a) == 10 * 8 && offsetof(Record, pc) == 20 * 8 && offsetof(Record, sstatus) == 52 * 8 && offsetof(Record, f) == 64 * 8);
static_assert(offsetof(Record, hart) == 96 * 8 && offsetof(Record, machine) == 99 * 8 && offsetof(Record, machine.mstatus) == 102 * 8 && offsetof(Record, machine.cycles) == 116 * 8 && offsetof(Record, counts) == 136 * 8 && offsetof(Counts, inside) == 7 * 8);

class MachineMode;

class Vcpu : Context {
public:
    static constexpr size_t RECORD_BYTES = 1280;
    static_assert(sizeof(Record) <= RECORD_BYTES);

    std::shared_ptr<Guest> guest;
    Record &record;
    std::unique_ptr<MachineMode> machineMode; /* null: it has none, and calls from supervisor mode are to the SBI's firmware, which is we and the VMM */

    Vcpu(Machine &, Record *);
    ~Vcpu();
    Failure open();
    u64 number() const; /* of the hart in its guest */
    bool leads() const { return guest->harts[0] == this; }
    /* Becomes hart `at` of another VCPU's guest, a number that is the next or beyond; it has no memory, and no further harts. Its registers are kept. */
    Failure join(Vcpu &leader, u32 at);

    /* For good; it is in it, as if reset, from now on. */
    Failure addMachineMode();

    Failure readRegisters();
    Failure writeRegisters();
    Failure restore(); /* a VCPU that has not run goes on from its record, also in the middle of an exit */
    /* Started, Stopped or Suspended: from its next turn on. A hart that stops disarms its timer. */
    Failure setState(u64 state);

    /* For a debugger, from the next run on: it has no turns; it stops after an instruction; it stops not where it is, though that address is watched. */
    void setWatch(bool isHeld, bool step, bool pass);

    /* For the guest. */
    bool held() const { return watch.held; }
    bool steps() const { return watch.steps; }
    bool started() const { return record.state == HartState::Started; }
    bool waits() const { return record.state == HartState::Waiting || record.state == HartState::Suspended; }
    bool wakeIfDue(); /* whether it waited, and something interrupts it */
    double timerDue() const; /* machine time at which STIP has to rise; infinity when it is up already or not armed */
    void completeExit();
    void step(); /* on the engine, until that stops */
    void trapped(u32 cause); /* its registers have been saved, and are restored afterwards */
    void arrive(), depart(); /* as the hart that is loaded */
    void forgetReservation() { set(Engine::layout().reservation, ~0ull); }
    void atInstruction(u64 address, bool isWatched); /* it is about to execute it: for a debugger, who may want to stop it there */
    void mayTouch(const Watchpoints &); /* from inside an access that may be to one of them */
    std::pair<u64, u64> addressing() const; /* two harts with the same may use one TLB */

private:
    Machine &machine;
    enum class Pending { None, Mmio, Sbi } pending = Pending::None;
    Access pendingAccess;
    u64 flags = 0; /* fflags while it is not loaded */
    /* begun: the instruction of a step has been; from: where a step began; passed: an address that is executed once though it is watched, 1 for none; at: the instruction that was begun last, if
     * all are looked at; touched: what that has touched of memory that is watched, and undo: as if it had not; stoppedAt: where it was stopped for that, through: where it goes through to it; passing: it is there. */
    struct {
        bool held = false, steps = false, begun = false, passing = false;
        u64 from = 0, passed = 1, at = 0, stoppedAt = 1, through = 1;
        std::optional<u64> touched;
        Undo undo;
    } watch;

    Engine &engine() const { return guest->engine; }
    bool timerExpired() const;
    u64 linesNow() const;
    void applyLines();
    void raise(u64 mip);
    void interrupt(u64 mip); /* the same, counted */
    void stopTouched(u64 pc);
    void takeBack();
    void deliver(u64 cause, u64 epc, u64 tval);
    bool emulateTime(u32 instruction, u64 pc);
    bool firmware();
    bool interruptHarts(u64 mask, u64 base);
    bool accessDevice(u32 instruction, u64 pc);
    bool exitForDevice(const Access &, u64 guestPhysical, u64 pc);
    friend class MachineMode;
};

} // namespace bailiwick
