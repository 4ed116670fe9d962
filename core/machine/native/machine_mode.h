/* The machine mode of a virtual hart, for guests that bring their own firmware: by trap and emulate, since the engine's M-mode knows no physical memory protection.
 *
 * The hart runs in the engine's U-mode, without translation, while it is in its machine mode: so all that is privileged traps, and is carried out here on registers that stand in the
 * hart's record. Supervisor and user mode are the engine's own. What traps there goes to the machine mode, or to supervisor mode as medeleg says.
 *
 * Invariants
 *  - In machine mode the engine's mie is 0 and its satp is 0, or the guard (below): the guest's own are in the record. Else the engine's are the guest's, as far as
 *    mideleg gives supervisor mode interrupts; the engine's mideleg is the guest's.
 *  - The supervisor's other registers, and the parts of mstatus that sstatus shows, are the engine's at all times.
 *  - While MPRV makes accesses translated ones, satp is a table by which all of memory can be fetched and none of it loaded or stored: each access traps, and is made here through the
 *    guest's own tables. A guest whose memory is in as many pieces as the engine can tell apart has no room for that table: its MPRV stays 0.
 *  - An interrupt to machine mode is taken between two instructions: whenever one traps, and at the start of a run.
 * The guest's PMP registers are kept, and not enforced. Source: RISC-V Privileged Architecture 1.12, chapter 3 (version 1.11's registers: no menvcfg, no mseccfg).
 */
#pragma once
#include "vcpu.h"

namespace bailiwick {

class MachineMode {
public:
    explicit MachineMode(Vcpu &owner) : hart(owner), m(owner.record.machine) {}

    /* Registers: after the hart's own were put into its record, or taken from there. What the record says is made what a hart can hold, whoever wrote it. */
    void store();
    void load();
    void withoutGuard(); /* there is no room for one */

    void trapped(u32 cause); /* in place of Vcpu::trapped */
    /* An exception of the hart at epc; false: it is for supervisor mode. */
    bool takes(u64 cause, u64 epc, u64 tval);
    void applyLines();
    bool wakes(); /* an interrupt that is enabled is pending, whether it can be taken or not */
    u64 fetchTable() const; /* satp of its instructions */

    /* Of its place in the CLINT. */
    u64 timeToCompare() const { return m.timecmp; }
    void setTimeToCompare(u64);
    bool software() const { return m.msip; }
    void setSoftware(bool on) { m.msip = on; }
    void latchTimer();

private:
    Vcpu &hart;
    MachineState &m;

    Engine &engine() const { return hart.engine(); }
    u64 pending() const;
    u64 enabled() const;
    bool accessesAs() const; /* whether MPRV redirects */
    void legalise();
    void enter();
    void leave(u64 privilege);
    void trap(u64 cause, u64 epc, u64 tval);
    void settle();
    void setTable(u64 satp);
    void guard();
    void tell(int reg, u64 value);
    bool emulate(u32 instruction, u64 pc);
    bool access(u32 instruction, u64 pc);
    void accessTranslated(u32 cause, u32 instruction, u64 pc);
    bool reach(const Access &, u64 physical, u64 pc);

    /* machine_csr.cc */
    bool csrInstruction(u32 instruction);
    std::optional<u64> readCsr(u32 csr) const;
    bool writeCsr(u32 csr, u64 value);
    u64 readStatus() const;
    void writeStatus(u64 value, u64 mask);
    static u64 engineTraps(u64 bits);
    void writePmpAddress(unsigned entry, u64 value);
    void writePmpConfig(unsigned word, u64 value);
    u64 counter(unsigned which) const;
};

/* By which a guest's memory can only be executed: an Sv39 table of gigabytes that are where they are. It lies above all guests' memory. */
struct Guard {
    static constexpr u64 AT = PHYSICAL_END - PAGE, SATP = 8ull << 60 | AT >> 12;
    alignas(PAGE) u64 entries[512];
    static Guard &get();
};

} // namespace bailiwick
