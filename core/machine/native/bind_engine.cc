/* The bare rv64 engine for JavaScript: functions over the integer handle of an engine. */
#include "arguments.h"

namespace bailiwick {

namespace {

/* The control and status registers that have a number in every supported version. */
constexpr struct { u32 address; int reg; } CSRS[] = {
    {0x001, UC_RISCV_REG_FFLAGS}, {0x002, UC_RISCV_REG_FRM}, {0x003, UC_RISCV_REG_FCSR}, {0x100, UC_RISCV_REG_SSTATUS},
    {0x104, UC_RISCV_REG_SIE}, {0x105, UC_RISCV_REG_STVEC}, {0x106, UC_RISCV_REG_SCOUNTEREN}, {0x140, UC_RISCV_REG_SSCRATCH},
    {0x141, UC_RISCV_REG_SEPC}, {0x142, UC_RISCV_REG_SCAUSE}, {0x143, UC_RISCV_REG_STVAL}, {0x144, UC_RISCV_REG_SIP},
    {0x180, UC_RISCV_REG_SATP}, {0x300, UC_RISCV_REG_MSTATUS}, {0x301, UC_RISCV_REG_MISA}, {0x302, UC_RISCV_REG_MEDELEG},
    {0x303, UC_RISCV_REG_MIDELEG}, {0x304, UC_RISCV_REG_MIE}, {0x305, UC_RISCV_REG_MTVEC}, {0x306, UC_RISCV_REG_MCOUNTEREN},
    {0x340, UC_RISCV_REG_MSCRATCH}, {0x341, UC_RISCV_REG_MEPC}, {0x342, UC_RISCV_REG_MCAUSE}, {0x343, UC_RISCV_REG_MTVAL},
    {0x344, UC_RISCV_REG_MIP}, {0xf14, UC_RISCV_REG_MHARTID},
};
constexpr u32 SATP = 0x180;
/* Registers by number: 0..31 x, then these, 64..95 f. */
constexpr u64 PC = 32, PRIVILEGE = 33, FAULTING_ADDRESS = 34, F = 64;

struct Bare {
    Engine engine;
    napi_env env = nullptr;
    napi_value onTrap = nullptr; /* during start() */
    double blocks = 0;
    u32 cause = 0;
    enum { Ended, Trapped, Blocks, Threw } why = Ended;
    struct Window {
        Bare *bare;
        DeviceCallbacks callbacks;
    };
    std::vector<std::unique_ptr<Window>> windows;
    std::vector<napi_ref> buffers; /* mapped memory must outlive the engine */

    ~Bare() {
        engine.close();
        for (napi_ref ref : buffers) napi_delete_reference(env, ref);
    }
    void threw() { why = Threw, engine.stop(); }

    static void trap(uc_engine *, u32 cause, void *user) {
        auto *b = static_cast<Bare *>(user);
        napi_handle_scope scope;
        napi_value argument, receiver, result;
        bool go = false;
        napi_open_handle_scope(b->env, &scope);
        napi_create_uint32(b->env, cause, &argument);
        napi_get_undefined(b->env, &receiver);
        const bool returned = napi_call_function(b->env, receiver, b->onTrap, 1, &argument, &result) == napi_ok;
        if (returned) napi_get_value_bool(b->env, result, &go);
        napi_close_handle_scope(b->env, scope);
        if (go) return;
        b->cause = cause, b->why = returned ? Trapped : Threw;
        b->engine.stop();
    }
    static void block(uc_engine *, u64, u32, void *user) {
        auto *b = static_cast<Bare *>(user);
        if (Engine::configuring() || b->blocks-- > 0) return;
        b->blocks = 0, b->why = Blocks;
        b->engine.stop();
    }
    static u64 read(uc_engine *, u64 offset, unsigned size, void *user) {
        auto *w = static_cast<Window *>(user);
        u64 value = 0;
        if (w->bare->why != Threw && !DeviceCallbacks::onRead(&w->callbacks, static_cast<u32>(offset), size, &value)) w->bare->threw();
        return value;
    }
    static void write(uc_engine *, u64 offset, unsigned size, u64 value, void *user) {
        auto *w = static_cast<Window *>(user);
        if (w->bare->why != Threw && !DeviceCallbacks::onWrite(&w->callbacks, static_cast<u32>(offset), size, value)) w->bare->threw();
    }
};
using Engines = Handles<Bare>;

size_t offsetOf(u64 index) {
    const Layout &l = Engine::layout();
    return index < PC ? l.gpr + 8 * index : index >= F ? l.fpr + 8 * (index - F) : index == PC ? l.pc : index == PRIVILEGE ? l.priv : l.badaddr;
}

napi_value open(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    const u64 code = a.integer("codeBytes", 1 << 20, 1 << 30);
    auto bare = std::make_unique<Bare>();
    bare->env = env;
    if (!a.ok || !a.check(bare->engine.open(static_cast<u32>(code))) || !a.check(bare->engine.hookTraps(Bare::trap, bare.get())) || !a.check(bare->engine.hookBlocks(Bare::block, bare.get()))) return nullptr;
    a.give(Engines::of(env).add(std::move(bare)));
    return a.result;
}

/* Page-aligned memory that an engine can map: an ArrayBuffer of its own is aligned to 16 bytes at most. */
napi_value hostMemory(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    const u64 bytes = a.integer("bytes", PAGE, 0x1p40);
    auto memory = a.ok ? Memory::reserve(bytes) : nullptr;
    if (a.ok && !memory) a.check("the host refused the memory");
    return memory ? shareMemory(env, memory) : nullptr;
}

void mapMemory(Bare &b, Arguments &a) {
    const u64 base = a.integer("phys", 0, 0x1p48), offset = a.integer("offset", 0, 0x1p40), bytes = a.integer("bytes", PAGE, 0x1p40);
    unsigned char *host = a.buffer("buffer", offset, bytes);
    if (!a.ok || !a.check(b.engine.mapMemory(base, bytes, host))) return;
    napi_create_reference(a.env, a.values[a.taken - 1], 1, &b.buffers.emplace_back());
    a.check(b.engine.protect());
}

void mapDevice(Bare &b, Arguments &a) {
    const u64 base = a.integer("phys", 0, 0x1p48), bytes = a.integer("bytes", PAGE, 0x1p48);
    napi_value read = a.function("read"), write = a.function("write");
    if (!a.ok) return;
    auto window = std::unique_ptr<Bare::Window>(new Bare::Window{&b, {a.env, read, write}});
    if (!a.check(b.engine.mapDevice(base, bytes, Bare::read, Bare::write, window.get()))) return;
    b.windows.push_back(std::move(window));
    a.check(b.engine.protect());
}

void unmap(Bare &b, Arguments &a) {
    const u64 base = a.integer("phys", 0, 0x1p48), bytes = a.integer("bytes", PAGE, 0x1p48);
    if (a.ok && a.check(b.engine.unmap(base, bytes))) a.check(b.engine.protect());
}

/* Inside a callback the live registers are the truth: saved before, restored after. */
void readRegister(Bare &b, Arguments &a) {
    const u64 index = a.integer("register", 0, F + 31);
    if (a.ok && index > FAULTING_ADDRESS && index < F) a.refuse("register", "0..34 or 64..95");
    if (!a.ok) return;
    if (b.engine.running) b.engine.save();
    a.give(b.engine.get(offsetOf(index)));
}

void writeRegister(Bare &b, Arguments &a) {
    const u64 index = a.integer("register", 1, F + 31), value = a.word("value");
    if (a.ok && index > PRIVILEGE && index < F) a.refuse("register", "1..33 or 64..95");
    if (a.ok && index == PRIVILEGE && value != USER && value != SUPERVISOR && value != MACHINE) a.refuse("value", "a privilege: 0, 1 or 3");
    if (!a.ok) return;
    if (b.engine.running) b.engine.save();
    b.engine.set(offsetOf(index), value);
    if (b.engine.running) b.engine.restore();
}

void csr(Bare &b, Arguments &a) {
    const u64 address = a.integer("address", 0, 0xfff);
    int reg = 0;
    for (auto &c : CSRS)
        if (c.address == address) reg = c.reg;
    if (a.ok && !reg) a.refuse("address", "a CSR that the engine has a number for");
    if (!a.ok) return;
    if (a.count < 3) return a.give(b.engine.readCsr(reg));
    const u64 value = a.word("value"), mode = value >> 60;
    if (a.ok && address == SATP && mode != 0 && (mode < 8 || mode > 10)) a.refuse("value", "bare, Sv39, Sv48 or Sv57");
    if (!a.ok) return;
    b.engine.writeCsr(reg, value);
    if (address == SATP) b.engine.flushTlb();
}

void start(Bare &b, Arguments &a) {
    const u64 blocks = a.integer("blocks", 1, MAX_SAFE);
    napi_value onTrap = a.function("onTrap");
    if (!a.ok) return;
    b.onTrap = onTrap, b.blocks = static_cast<double>(blocks), b.why = Bare::Ended;
    uc_err error;
    do error = b.engine.resume(), b.engine.save();
    while (b.why == Bare::Ended && error == UC_ERR_OK && b.engine.ranOut());
    if (b.why == Bare::Threw) return;
    static const char *const reasons[] = {"wfi", "trap", "blocks"};
    const bool breakpoint = error == UC_ERR_INSN_INVALID || error == UC_ERR_EXCEPTION;
    napi_value cause;
    napi_create_uint32(a.env, b.why == Bare::Trapped ? b.cause : 0, &cause);
    napi_create_object(a.env, &a.result);
    setProperty(a.env, a.result, "reason", text(a.env, breakpoint ? "breakpoint" : error ? "error" : reasons[b.why]));
    setProperty(a.env, a.result, "cause", cause);
    setProperty(a.env, a.result, "error", text(a.env, error ? uc_strerror(error) : ""));
}

struct Function {
    const char *name;
    bool whileRunning;
    void (*body)(Bare &, Arguments &);
};

const Function FUNCTIONS[] = {
    {"engineClose", false, [](Bare &b, Arguments &a) { Engines::of(a.env).close(&b); }},
    {"engineMapMemory", false, mapMemory},
    {"engineMapDevice", false, mapDevice},
    {"engineUnmap", false, unmap},
    {"engineRead", true, readRegister},
    {"engineWrite", true, writeRegister},
    {"engineCsr", true, csr},
    {"engineFlushTlb", true, [](Bare &b, Arguments &) { b.engine.flushTlb(); }},
    {"engineInvalidate", true, [](Bare &b, Arguments &a) {
         const u64 base = a.integer("phys", 0, 0x1p48), bytes = a.integer("bytes", 1, 0x1p48);
         if (a.ok) b.engine.invalidate(base, bytes);
     }},
    {"engineStart", false, start},
};

napi_value dispatch(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    const auto *f = static_cast<const Function *>(a.data);
    Bare *b = Engines::of(env).take(a, "engine");
    if (b && (f->whileRunning || !b->engine.running || a.check("not possible while the engine runs"))) f->body(*b, a);
    return a.result;
}

} // namespace

bool exportEngine(napi_env env, napi_value exports) {
    bool ok = exportFunction(env, exports, "engineOpen", open, nullptr) && exportFunction(env, exports, "hostMemory", hostMemory, nullptr);
    for (const Function &f : FUNCTIONS) ok = ok && exportFunction(env, exports, f.name, dispatch, const_cast<Function *>(&f));
    return ok;
}

} // namespace bailiwick
