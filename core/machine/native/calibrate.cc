/* Where a saved context keeps each register.
 *
 * The context is opaque and differs between engine versions, so nothing about it is assumed: each offset is the one place
 * that changed to a value when that value was written through the register interface (or, for the fields without a register,
 * by an instruction), and must be the only one. At the end values are written through the offsets and read through the
 * register interface, so that a wrong one cannot go unnoticed.
 */
#include "engine.h"

namespace bailiwick {

namespace {

struct Probe {
    Engine &engine;
    Failure failure;

    std::vector<char> snapshot() {
        engine.save();
        return {engine.bytes(), engine.bytes() + uc_context_size(engine.uc)};
    }
    static u64 word(const std::vector<char> &from, size_t at) {
        u64 value;
        memcpy(&value, from.data() + at, sizeof value);
        return value;
    }
    /* The one offset whose word became `to` (and was `from`, when that is given). */
    size_t changed(const char *name, const std::vector<char> &before, u64 to, const u64 *from = nullptr) {
        std::vector<char> after = snapshot();
        size_t found = 0, hits = 0;
        for (size_t at = 0; at + 8 <= after.size(); at += 4)
            if (word(after, at) == to && word(before, at) != to && (!from || word(before, at) == *from)) found = at, hits++;
        if (hits != 1 && failure.empty()) failure = std::string("calibration of this libunicorn failed at ") + name + ": " + std::to_string(hits) + " places";
        return found;
    }
    size_t plant(const char *name, int reg, u64 value) {
        std::vector<char> before = snapshot();
        uc_reg_write(engine.uc, reg, &value);
        u64 landed = 0;
        uc_reg_read(engine.uc, reg, &landed); /* some registers keep only a part */
        return changed(name, before, landed);
    }
    void check(const char *name, int reg, size_t at, u64 value) {
        engine.save();
        engine.set(at, value);
        engine.restore();
        u64 seen = 0;
        uc_reg_read(engine.uc, reg, &seen);
        if (seen != value && failure.empty()) failure = std::string("calibration of this libunicorn did not verify at ") + name;
    }
};

} // namespace

Failure calibrate(Layout &l) {
    constexpr u64 MARK = 0x1122334455667780, AT = Scratch::AT, CODE = AT + Scratch::CALIBRATE;
    Engine engine;
    if (Failure failure = engine.openBare(1 << 20); !failure.empty()) return failure;
    uc_engine *uc = engine.uc;
    auto write = [&](int reg, u64 value) { uc_reg_write(uc, reg, &value); };
    Probe probe{engine, {}};

    write(UC_RISCV_REG_MSTATUS, status::FS);
    l.gpr = probe.plant("x1", UC_RISCV_REG_X1, MARK + 1) - 8;
    l.fpr = probe.plant("f0", UC_RISCV_REG_F0, MARK + 2);
    l.pc = probe.plant("pc", UC_RISCV_REG_PC, MARK + 4);
    l.stvec = probe.plant("stvec", UC_RISCV_REG_STVEC, MARK + 8);
    l.sscratch = probe.plant("sscratch", UC_RISCV_REG_SSCRATCH, MARK + 16);
    l.sepc = probe.plant("sepc", UC_RISCV_REG_SEPC, MARK + 32);
    l.scause = probe.plant("scause", UC_RISCV_REG_SCAUSE, MARK + 48);
    l.stval = probe.plant("stval", UC_RISCV_REG_STVAL, MARK + 64);
    l.frm = probe.plant("frm", UC_RISCV_REG_FRM, 3);
    l.scounteren = probe.plant("scounteren", UC_RISCV_REG_SCOUNTEREN, 5);
    l.mie = probe.plant("mie", UC_RISCV_REG_MIE, 0x220);
    l.mip = probe.plant("mip", UC_RISCV_REG_MIP, 0x202);
    l.mstatus = probe.plant("mstatus", UC_RISCV_REG_MSTATUS, status::FS | status::SPIE | status::SUM);
    write(UC_RISCV_REG_MIP, 0), write(UC_RISCV_REG_MIE, 0);
    if (!probe.failure.empty()) return probe.failure;

    /* Privilege, reservation and faulting address have no register: in S mode, with an empty address space but for the
     * scratch pages, run  mret; lr.d x6,(x5); ld x6,0(x7)  and look after the mret and after the fault. */
    Scratch &scratch = Scratch::get();
    auto *code = reinterpret_cast<u32 *>(scratch.bytes + Scratch::CALIBRATE);
    auto *root = reinterpret_cast<u64 *>(scratch.bytes + Scratch::ROOT);
    code[0] = 0x30200073, code[1] = 0x10500073, code[2] = 0x1002b32f, code[3] = 0x0003b303;
    const u64 reserved = AT + 0x128, absent = 0x12345678a8, satp = 8ull << 60 | (AT + Scratch::ROOT) >> 12;
    root[AT >> 30 & 511] = AT >> 12 << 10 | 0xcf; /* Sv39: a gigabyte that holds the scratch pages, reached by its low bits */
    std::vector<char> before;
    l.satp = probe.plant("satp", UC_RISCV_REG_SATP, satp);
    write(UC_RISCV_REG_MEPC, CODE + 4), write(UC_RISCV_REG_MSTATUS, 1 << 11 | status::FS);
    write(UC_RISCV_REG_SATP, 0);
    before = probe.snapshot();
    uc_emu_start(uc, CODE, 0, 0, 0);
    const u64 machine = MACHINE;
    l.priv = probe.changed("privilege", before, SUPERVISOR, &machine);
    if (!probe.failure.empty()) return probe.failure;

    engine.save();
    engine.set(l.satp, satp), engine.set(l.gpr + 8 * 5, AT % (1 << 30) + 0x128), engine.set(l.gpr + 8 * 7, absent);
    engine.restore(), uc_ctl_flush_tlb(uc);
    before = probe.snapshot();
    uc_emu_start(uc, AT % (1 << 30) + Scratch::CALIBRATE + 8, 0, 0, 0);
    l.reservation = probe.changed("reservation", before, reserved % (1 << 30));
    l.badaddr = probe.changed("faulting address", before, absent);
    memset(code, 0, 16), memset(root, 0, PAGE);
    if (!probe.failure.empty()) return probe.failure;

    engine.save();
    engine.set(l.satp, 0), engine.set(l.priv, MACHINE);
    engine.restore();
    for (int i = 1; i < 32; i++) probe.check("x", UC_RISCV_REG_X0 + i, l.gpr + 8 * i, MARK + 256 + i);
    for (int i = 0; i < 32; i++) probe.check("f", UC_RISCV_REG_F0 + i, l.fpr + 8 * i, MARK + 512 + i);
    probe.check("pc", UC_RISCV_REG_PC, l.pc, MARK + 1024);
    probe.check("stvec", UC_RISCV_REG_STVEC, l.stvec, MARK + 1028);
    probe.check("sscratch", UC_RISCV_REG_SSCRATCH, l.sscratch, MARK + 1032);
    probe.check("sepc", UC_RISCV_REG_SEPC, l.sepc, MARK + 1036);
    probe.check("scause", UC_RISCV_REG_SCAUSE, l.scause, MARK + 1040);
    probe.check("stval", UC_RISCV_REG_STVAL, l.stval, MARK + 1044);
    probe.check("satp", UC_RISCV_REG_SATP, l.satp, satp);
    probe.check("frm", UC_RISCV_REG_FRM, l.frm, 2);
    probe.check("mie", UC_RISCV_REG_MIE, l.mie, 0x202);
    probe.check("mip", UC_RISCV_REG_MIP, l.mip, 0x220);
    probe.check("mstatus", UC_RISCV_REG_MSTATUS, l.mstatus, status::FS >> 1 & status::FS);
    return probe.failure;
}

} // namespace bailiwick
