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

struct Bare {
    Engine engine;
    napi_env env = nullptr;
    napi_value onTrap = nullptr; /* during start() */
    double blocks = 0;
    u32 cause = 0;
    enum { Ended, Trapped, Blocks, Threw } why = Ended;
    struct Window {
        Bare *bare;
        std::unique_ptr<DeviceCallbacks> callbacks;
    };
    std::vector<std::unique_ptr<Window>> windows;
    std::vector<napi_ref> buffers; /* mapped memory must outlive the engine */
};

std::vector<std::unique_ptr<Bare>> &engines(napi_env env) {
    static thread_local std::vector<std::unique_ptr<Bare>> *own = nullptr;
    if (!own) {
        own = new std::vector<std::unique_ptr<Bare>>;
        napi_add_env_cleanup_hook(env, [](void *t) { delete static_cast<std::vector<std::unique_ptr<Bare>> *>(t); }, own);
    }
    return *own;
}

Bare *take(Arguments &a) {
    auto &all = engines(a.env);
    u64 handle = a.integer("engine", 0, static_cast<double>(all.size()) - 1);
    if (a.ok && !all[handle]) a.refuse("engine", "open: it has been closed");
    return a.ok ? all[handle].get() : nullptr;
}

Bare *takeIdle(Arguments &a) {
    Bare *b = take(a);
    if (b && b->engine.running) raise(a.env, "not possible while the engine runs"), a.ok = false;
    return a.ok ? b : nullptr;
}

/* Inside a callback the live registers are the truth: fetch before, commit after. */
void fetch(Engine &e) {
    if (e.running) e.save();
}
void commit(Engine &e) {
    if (e.running) e.restore();
}

napi_value open(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    u64 code = a.integer("codeBytes", 1 << 20, 1 << 30);
    if (!a.ok) return nullptr;
    auto bare = std::make_unique<Bare>();
    bare->env = env;
    if (raise(env, bare->engine.open(static_cast<u32>(code)))) return nullptr;
    auto trap = [](uc_engine *, u32 cause, void *user) {
        auto *b = static_cast<Bare *>(user);
        napi_handle_scope scope;
        napi_value argument, receiver, result;
        bool go = false;
        napi_open_handle_scope(b->env, &scope);
        napi_create_uint32(b->env, cause, &argument);
        napi_get_undefined(b->env, &receiver);
        b->cause = cause, b->why = Bare::Trapped;
        if (napi_call_function(b->env, receiver, b->onTrap, 1, &argument, &result) != napi_ok) b->why = Bare::Threw;
        else napi_get_value_bool(b->env, result, &go);
        napi_close_handle_scope(b->env, scope);
        if (go) b->why = Bare::Ended;
        else b->engine.stop();
    };
    auto block = [](uc_engine *, u64, u32, void *user) {
        auto *b = static_cast<Bare *>(user);
        if (Engine::configuring() || b->blocks-- > 0) return;
        b->blocks = 0, b->why = Bare::Blocks;
        b->engine.stop();
    };
    if (raise(env, bare->engine.hookTraps(trap, bare.get())) || raise(env, bare->engine.hookBlocks(block, bare.get()))) return nullptr;
    engines(env).push_back(std::move(bare));
    return number(env, static_cast<double>(engines(env).size() - 1));
}

napi_value close(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = takeIdle(a);
    if (!b) return nullptr;
    for (napi_ref ref : b->buffers) napi_delete_reference(env, ref);
    for (auto &bare : engines(env))
        if (bare.get() == b) bare.reset();
    return nullptr;
}

/* Page-aligned memory that an engine can map: an ArrayBuffer of its own is aligned to 16 bytes at most. */
napi_value hostMemory(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    u64 bytes = a.integer("bytes", PAGE, 0x1p40);
    if (!a.ok) return nullptr;
    auto memory = Memory::reserve(bytes);
    if (!memory) return raise(env, "the host refused the memory"), nullptr;
    auto *held = new std::shared_ptr<Memory>(memory);
    napi_value buffer = nullptr;
    napi_create_external_arraybuffer(env, memory->bytes, memory->size, [](napi_env, void *, void *hint) { delete static_cast<std::shared_ptr<Memory> *>(hint); }, held, &buffer);
    return buffer;
}

napi_value mapMemory(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = takeIdle(a);
    u64 base = a.integer("phys", 0, 0x1p48), offset = a.integer("offset", 0, 0x1p40), bytes = a.integer("bytes", PAGE, 0x1p40);
    unsigned char *host = a.buffer("buffer", offset, bytes);
    if (!a.ok || raise(env, b->engine.mapMemory(base, bytes, host)) || raise(env, b->engine.protect())) return nullptr;
    napi_ref ref;
    napi_create_reference(env, a.values[4], 1, &ref);
    b->buffers.push_back(ref);
    return nullptr;
}

napi_value mapDevice(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = takeIdle(a);
    u64 base = a.integer("phys", 0, 0x1p48), bytes = a.integer("bytes", PAGE, 0x1p48);
    napi_value read = a.function("read"), write = a.function("write");
    if (!a.ok) return nullptr;
    auto window = std::make_unique<Bare::Window>();
    window->bare = b, window->callbacks.reset(DeviceCallbacks::make(env, read, write));
    auto onRead = [](uc_engine *, u64 offset, unsigned size, void *user) -> u64 {
        auto *w = static_cast<Bare::Window *>(user);
        u64 value = 0;
        if (w->bare->why != Bare::Threw && !DeviceCallbacks::onRead(w->callbacks.get(), static_cast<u32>(offset), size, &value)) w->bare->why = Bare::Threw, w->bare->engine.stop();
        return value;
    };
    auto onWrite = [](uc_engine *, u64 offset, unsigned size, u64 value, void *user) {
        auto *w = static_cast<Bare::Window *>(user);
        if (w->bare->why != Bare::Threw && !DeviceCallbacks::onWrite(w->callbacks.get(), static_cast<u32>(offset), size, value)) w->bare->why = Bare::Threw, w->bare->engine.stop();
    };
    if (raise(env, b->engine.mapDevice(base, bytes, onRead, onWrite, window.get())) || raise(env, b->engine.protect())) return nullptr;
    b->windows.push_back(std::move(window));
    return nullptr;
}

napi_value unmap(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = takeIdle(a);
    u64 base = a.integer("phys", 0, 0x1p48), bytes = a.integer("bytes", PAGE, 0x1p48);
    if (a.ok && !raise(env, b->engine.unmap(base, bytes))) raise(env, b->engine.protect());
    return nullptr;
}

/* Where a register lies: 0..31 x, 32 pc, 33 privilege, 34 faulting address, 64..95 f. */
size_t offsetOf(u64 index) {
    const Layout &l = Engine::layout();
    if (index < 32) return l.gpr + 8 * index;
    if (index >= 64) return l.fpr + 8 * (index - 64);
    return index == 32 ? l.pc : index == 33 ? l.priv : l.badaddr;
}

napi_value readRegister(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = take(a);
    u64 index = a.integer("register", 0, 95);
    if (a.ok && index > 34 && index < 64) a.refuse("register", "0..34 or 64..95");
    if (!a.ok) return nullptr;
    fetch(b->engine);
    return bigint(env, b->engine.get(offsetOf(index)));
}

napi_value writeRegister(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = take(a);
    u64 index = a.integer("register", 1, 95), value = a.word("value");
    if (a.ok && index > 33 && index < 64) a.refuse("register", "1..33 or 64..95");
    if (a.ok && index == 33 && value != USER && value != SUPERVISOR && value != MACHINE) a.refuse("value", "a privilege: 0, 1 or 3");
    if (!a.ok) return nullptr;
    fetch(b->engine);
    b->engine.set(offsetOf(index), value);
    commit(b->engine);
    return nullptr;
}

napi_value csr(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = take(a);
    u64 address = a.integer("address", 0, 0xfff);
    int reg = 0;
    for (auto &c : CSRS)
        if (c.address == address) reg = c.reg;
    if (a.ok && !reg) a.refuse("address", "a CSR that the engine has a number for");
    if (!a.ok) return nullptr;
    if (a.count < 3) return bigint(env, b->engine.readCsr(reg));
    u64 value = a.word("value");
    if (a.ok && address == SATP && value >> 60 != 0 && (value >> 60 < 8 || value >> 60 > 10)) a.refuse("value", "bare, Sv39, Sv48 or Sv57");
    if (!a.ok) return nullptr;
    b->engine.writeCsr(reg, value);
    if (address == SATP) b->engine.flushTlb();
    return nullptr;
}

napi_value flushTlb(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    if (Bare *b = take(a)) b->engine.flushTlb();
    return nullptr;
}

napi_value invalidate(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = take(a);
    u64 base = a.integer("phys", 0, 0x1p48), bytes = a.integer("bytes", 1, 0x1p48);
    if (a.ok) b->engine.invalidate(base, bytes);
    return nullptr;
}

napi_value start(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bare *b = takeIdle(a);
    double blocks = static_cast<double>(a.integer("blocks", 1, 9007199254740991.0));
    napi_value onTrap = a.function("onTrap");
    if (!a.ok) return nullptr;
    b->onTrap = onTrap, b->blocks = blocks, b->why = Bare::Ended;
    uc_err error = b->engine.resume();
    b->engine.save();
    if (b->why == Bare::Threw) return nullptr;
    static const char *const reasons[] = {"wfi", "trap", "blocks"};
    const bool breakpoint = error == UC_ERR_INSN_INVALID || error == UC_ERR_EXCEPTION;
    napi_value result, reason, words;
    napi_create_object(env, &result);
    napi_create_string_utf8(env, breakpoint ? "breakpoint" : error ? "error" : reasons[b->why], NAPI_AUTO_LENGTH, &reason);
    napi_create_string_utf8(env, error ? uc_strerror(error) : "", NAPI_AUTO_LENGTH, &words);
    napi_set_named_property(env, result, "reason", reason);
    napi_set_named_property(env, result, "cause", number(env, b->why == Bare::Trapped ? b->cause : 0));
    napi_set_named_property(env, result, "error", words);
    return result;
}

} // namespace

napi_value exportEngine(napi_env env, napi_value exports) {
    const std::pair<const char *, napi_callback> functions[] = {
        {"engineOpen", open}, {"engineClose", close}, {"hostMemory", hostMemory}, {"engineMapMemory", mapMemory}, {"engineMapDevice", mapDevice},
        {"engineUnmap", unmap}, {"engineRead", readRegister}, {"engineWrite", writeRegister}, {"engineCsr", csr}, {"engineFlushTlb", flushTlb},
        {"engineInvalidate", invalidate}, {"engineStart", start},
    };
    for (auto &[name, f] : functions)
        if (!exportFunction(env, exports, name, f)) return nullptr;
    return exports;
}

} // namespace bailiwick
