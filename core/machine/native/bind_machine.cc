/* The machine and its VCPUs for JavaScript: functions over the integer handle of a machine. */
#include <malloc.h>
#include <math.h>
#include "bind_ram.h"
#include "vcpu.h"

namespace bailiwick {

namespace {

/* One machine and what it holds of JavaScript. */
struct Bound {
    Machine machine;
    std::vector<std::unique_ptr<DeviceCallbacks>> callbacks;
    napi_ref buffers[4] = {}, tables[7] = {}; /* tables: keeps the kernel's arrays where they are */
    napi_env env = nullptr; /* from here on: during run() */
    napi_value kernel = nullptr, receiver = nullptr;
    napi_handle_scope scope = nullptr;
    u32 inScope = 0;
};
using Machines = Handles<Bound>;

Vcpu *takeVcpu(Arguments &a, Machine &m) {
    const u64 v = a.integer("vcpu", 0, m.options.vcpus - 1.0);
    if (a.ok && !m.vcpus[v]) a.refuse("vcpu", "one that was created");
    return a.ok ? m.vcpus[v].get() : nullptr;
}

/* One whose guest it is. */
Vcpu *takeLeader(Arguments &a, Machine &m) {
    Vcpu *v = takeVcpu(a, m);
    if (v && !v->leads()) a.refuse("vcpu", "one that is not a hart of another's guest"), v = nullptr;
    return v;
}

/* Address, bytes and kinds of each, one after the other. */
Watchpoints takeWatchpoints(Arguments &a) {
    size_t count = 0;
    const auto *words = static_cast<u64 *>(a.array("watchpoints", napi_biguint64_array, 0, count));
    std::vector<Watchpoint> all;
    for (size_t i = 0; a.ok && i + 3 <= count; i += 3) all.push_back({words[i], words[i + 1], words[i + 2]});
    const bool legal = std::all_of(all.begin(), all.end(), [](const Watchpoint &w) { return w.bytes >= 1 && w.bytes <= MOST_WATCHED_BYTES && w.kinds >= 1 && w.kinds <= (LOADS | STORES); });
    if (a.ok && (count % 3 || !legal)) a.refuse("watchpoints", "threes of an address, 1 to 4096 bytes, and 1 (loads), 2 (stores) or 3 (both)");
    return Watchpoints(std::move(all));
}

u32 takeSpace(Arguments &a, Machine &m) { return static_cast<u32>(a.integer("space", 0, m.options.spaces - 1.0)); }

bool idle(Arguments &a, const Machine &m, const char *what) {
    return a.ok && (!m.busy() || a.check(std::string(what) + " is not possible while the machine runs"));
}

napi_value create(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Options o;
    o.ramBytes = a.integer("ramBytes", 2 << 20, 0x1p40);
    o.threads = static_cast<u32>(a.integer("maxThreads", 1, 1 << 20));
    o.spaces = static_cast<u32>(a.integer("maxSpaces", 1, 1 << 20));
    o.engines = static_cast<u32>(a.integer("maxEngines", 1, 1024));
    o.vcpus = static_cast<u32>(a.integer("maxVcpus", 0, 256));
    o.blockClock = a.flag("clock");
    o.largePages = a.flag("largePages");
    if (a.ok && o.ramBytes % (2 << 20)) a.refuse("ramBytes", "a multiple of 2 MiB");
    auto bound = std::make_unique<Bound>();
    if (!a.ok || !a.check(bound->machine.create(o))) return nullptr;
    Machine &m = bound->machine;
    napi_create_object(env, &a.result);
    const std::pair<const char *, std::shared_ptr<Memory> *> parts[] = {{"ram", &m.ram}, {"frames", &m.frames}, {"control", &m.control}, {"vcpus", &m.records}};
    napi_ref *kept = bound->buffers;
    for (auto &[name, memory] : parts) {
        napi_value buffer = shareMemory(env, *memory);
        if (!buffer) return a.check("this JavaScript engine cannot share memory"), nullptr;
        napi_create_reference(env, buffer, 0, kept++);
        setProperty(env, a.result, name, buffer);
    }
    napi_value handle;
    napi_create_double(env, Machines::of(env).add(std::move(bound)), &handle);
    setProperty(env, a.result, "handle", handle);
    return a.result;
}

void close(Bound &b, Arguments &a) {
    if (!idle(a, b.machine, "close()")) return;
    for (napi_ref ref : b.buffers) { /* nothing may reach the memory afterwards */
        napi_value buffer = nullptr;
        if (napi_get_reference_value(a.env, ref, &buffer) == napi_ok && buffer) napi_detach_arraybuffer(a.env, buffer);
        napi_delete_reference(a.env, ref);
    }
    for (napi_ref ref : b.tables)
        if (ref) napi_delete_reference(a.env, ref);
    Machines::of(a.env).close(&b);
}

/* Also during run(), by the kernel: its tables have been copied to larger ones. */
void share(Bound &b, Arguments &a) {
    Tables t;
    size_t rows[5] = {}, words = 0, ready = 0;
    t.kind = static_cast<uint8_t *>(a.array("kind", napi_uint8_array, 1, rows[0]));
    t.rights = static_cast<uint8_t *>(a.array("rights", napi_uint8_array, 1, rows[1]));
    t.object = static_cast<int32_t *>(a.array("object", napi_int32_array, 1, rows[2]));
    t.badgeLo = static_cast<int32_t *>(a.array("badgeLo", napi_int32_array, 1, rows[3]));
    t.badgeHi = static_cast<int32_t *>(a.array("badgeHi", napi_int32_array, 1, rows[4]));
    t.words = static_cast<int32_t *>(a.array("words", napi_int32_array, FastPath::OBJECT_WORDS, words));
    t.ready = static_cast<uint32_t *>(a.array("ready", napi_int32_array, FastPath::READY_WORDS, ready));
    for (size_t n : rows)
        if (a.ok && n != rows[0]) a.refuse("the tables of capabilities", "of one length");
    if (!a.ok) return;
    for (size_t i = 0; i < 7; i++) {
        if (b.tables[i]) napi_delete_reference(a.env, b.tables[i]);
        napi_create_reference(a.env, a.values[i + 1], 1, &b.tables[i]);
    }
    t.slots = rows[0], t.objects = words / FastPath::OBJECT_WORDS;
    b.machine.share(t);
}

void mapDevice(Bound &b, Arguments &a) {
    const u64 base = a.integer("phys", 0, 0x1p48), bytes = a.integer("bytes", PAGE, 0x1p48);
    napi_value read = a.function("read"), write = a.function("write");
    if (!idle(a, b.machine, "mapDevice()")) return;
    auto callbacks = std::make_unique<DeviceCallbacks>(a.env, read, write);
    if (a.check(b.machine.mapDevice({base, bytes, callbacks.get(), DeviceCallbacks::onRead, DeviceCallbacks::onWrite}))) b.callbacks.push_back(std::move(callbacks));
}

void advanceClock(Bound &b, Arguments &a) {
    const u64 ticks = a.integer("ticks", 0, MAX_SAFE);
    if (a.ok && !b.machine.options.blockClock) a.refuse("advanceClock()", "used in deterministic mode only");
    if (a.ok) b.machine.advance(static_cast<double>(ticks));
}

/* The hot path from a trap into the kernel. Handles are released in batches: a scope costs as much as the numbers in it. */
int32_t enterKernel(void *host, u32 frame, u32 cause) {
    auto *b = static_cast<Bound *>(host);
    if (++b->inScope == 256) {
        napi_close_handle_scope(b->env, b->scope);
        napi_open_handle_scope(b->env, &b->scope);
        b->inScope = 0;
    }
    napi_value arguments[2], result;
    napi_create_uint32(b->env, frame, &arguments[0]);
    napi_create_uint32(b->env, cause, &arguments[1]);
    if (napi_call_function(b->env, b->receiver, b->kernel, 2, arguments, &result) != napi_ok) return THROWN;
    int32_t next = THROWN;
    if (napi_get_value_int32(b->env, result, &next) != napi_ok) napi_throw_type_error(b->env, "ERR_BAILIWICK_KERNEL", "onTrap must return the next frame or -1");
    return next;
}

void run(Bound &b, Arguments &a) {
    const u64 frame = a.integer("frame", 0, b.machine.options.threads - 1.0);
    napi_value kernel = a.function("onTrap");
    const bool fast = a.flag("fast");
    if (!idle(a, b.machine, "run()")) return;
    b.env = a.env, b.kernel = kernel, b.inScope = 0;
    napi_get_undefined(a.env, &b.receiver);
    napi_open_handle_scope(a.env, &b.scope);
    const Failure failure = b.machine.run(static_cast<u32>(frame), enterKernel, &b, fast);
    napi_close_handle_scope(a.env, b.scope);
    a.check(failure);
}

void createVcpu(Bound &b, Arguments &a) {
    Machine &m = b.machine;
    const double at = a.number("at", -1, m.options.vcpus - 1.0);
    if (!a.ok) return;
    for (size_t i = at < 0 ? 0 : static_cast<size_t>(at); i < (at < 0 ? m.vcpus.size() : static_cast<size_t>(at) + 1); i++) {
        if (m.vcpus[i]) continue;
        auto vcpu = std::make_unique<Vcpu>(m, reinterpret_cast<Record *>(m.records->bytes + i * Vcpu::RECORD_BYTES));
        if (!a.check(vcpu->open())) return;
        m.vcpus[i] = std::move(vcpu);
        return a.give(static_cast<double>(i));
    }
    a.check("all VCPUs of the machine are in use");
}

template <Failure (Guest::*ACTION)(u64, u64)> void window(Bound &b, Arguments &a) {
    Vcpu *v = takeLeader(a, b.machine);
    const u64 base = a.integer("guestPhys", 0, 0x1p48), bytes = a.integer("bytes", PAGE, 0x1p48);
    if (a.ok) a.check((v->guest.get()->*ACTION)(base, bytes));
}

void mapVcpuRam(Bound &b, Arguments &a) {
    Vcpu *v = takeLeader(a, b.machine);
    const u64 base = a.integer("guestPhys", 0, 0x1p48), offset = a.integer("ramOffset", 0, 0x1p40), bytes = a.integer("bytes", PAGE, 0x1p40);
    if (a.ok) a.check(v->guest->mapRam(base, offset, bytes));
}

template <Failure (Vcpu::*ACTION)()> void registers(Bound &b, Arguments &a) {
    if (Vcpu *v = takeVcpu(a, b.machine)) a.check((v->*ACTION)());
}

struct Function {
    const char *name;
    void (*body)(Bound &, Arguments &);
};

const Function FUNCTIONS[] = {
    {"machineClose", close},
    {"bindSpace", [](Bound &b, Arguments &a) {
         const u32 space = takeSpace(a, b.machine);
         const u64 root = a.integer("rootPhys", 0, MAX_SAFE);
         if (a.ok) a.check(b.machine.bindSpace(space, root));
     }},
    {"dropSpace", [](Bound &b, Arguments &a) {
         if (const u32 space = takeSpace(a, b.machine); a.ok) b.machine.dropSpace(space);
     }},
    {"flushSpace", [](Bound &b, Arguments &a) {
         if (const u32 space = takeSpace(a, b.machine); a.ok) b.machine.flushSpace(space);
     }},
    {"invalidate", [](Bound &b, Arguments &a) {
         const u64 physical = a.integer("phys", RAM_BASE, MAX_SAFE), bytes = a.integer("bytes", 1, MAX_SAFE);
         if (a.ok && !b.machine.memoryAt(physical, bytes)) a.refuse("phys and bytes", "a range of RAM");
         if (a.ok) b.machine.invalidate(physical, bytes);
     }},
    {"mapDevice", mapDevice},
    {"setBreakpoint", [](Bound &b, Arguments &a) {
         const u64 frame = a.integer("frame", 0, b.machine.options.threads - 1.0), number = a.integer("number", 0, BREAKPOINTS - 1.0), address = a.integer("address", 0, MAX_SAFE);
         const bool on = a.flag("on");
         if (a.ok) b.machine.setBreakpoint(static_cast<u32>(frame), static_cast<u32>(number), address, on);
     }},
    {"setWatchpoints", [](Bound &b, Arguments &a) {
         const u64 frame = a.integer("frame", 0, b.machine.options.threads - 1.0);
         Watchpoints memory = takeWatchpoints(a);
         if (a.ok) b.machine.setWatchpoints(static_cast<u32>(frame), std::move(memory));
     }},
    {"share", share},
    {"run", run},
    {"clock", [](Bound &b, Arguments &a) { a.give(floor(b.machine.clock())); }},
    {"setClock", [](Bound &b, Arguments &a) {
         const u64 ticks = a.integer("ticks", 0, MAX_SAFE), blocks = a.integer("blocks", 0, MAX_SAFE);
         if (idle(a, b.machine, "setClock()")) b.machine.setClock(static_cast<double>(ticks), blocks);
     }},
    {"advanceClock", advanceClock},
    {"saveRam", [](Bound &b, Arguments &a) {
         if (idle(a, b.machine, "saveRam()")) saveRam(b.machine, a);
     }},
    {"placeRam", [](Bound &b, Arguments &a) {
         if (idle(a, b.machine, "placeRam()")) placeRam(b.machine, a);
     }},
    {"ramUse", [](Bound &b, Arguments &a) { giveRamUse(b.machine, a); }},
    {"createVcpu", createVcpu},
    {"destroyVcpu", [](Bound &b, Arguments &a) {
         const Vcpu *v = takeVcpu(a, b.machine);
         for (auto &vcpu : b.machine.vcpus)
             if (v && vcpu.get() == v) vcpu.reset();
     }},
    {"addHart", [](Bound &b, Arguments &a) {
         Vcpu *leader = takeVcpu(a, b.machine), *hart = takeVcpu(a, b.machine);
         const u64 at = a.integer("at", 1, Guest::MAX_HARTS - 1.0);
         if (a.ok) a.check(hart->join(*leader, static_cast<u32>(at)));
     }},
    {"addMachineMode", registers<&Vcpu::addMachineMode>},
    {"setVcpuState", [](Bound &b, Arguments &a) {
         Vcpu *v = takeVcpu(a, b.machine);
         const u64 state = a.integer("state", 0, 4);
         if (a.ok) a.check(v->setState(state));
     }},
    {"mapVcpuRam", mapVcpuRam},
    {"unmapVcpuRam", window<&Guest::unmapRam>},
    {"mapVcpuDevice", window<&Guest::mapDevice>},
    {"unmapVcpuDevice", window<&Guest::unmapDevice>},
    {"runVcpu", [](Bound &b, Arguments &a) {
         if (Vcpu *v = takeLeader(a, b.machine); v && a.check(v->guest->run())) a.give(static_cast<double>(v->guest->reason()));
     }},
    {"forgetVcpu", [](Bound &b, Arguments &a) {
         Vcpu *v = takeLeader(a, b.machine);
         if (idle(a, b.machine, "forgetVcpu()")) v->guest->engine.forgetCode(), malloc_trim(0); /* it was many small pieces */
     }},
    {"holdVcpu", [](Bound &b, Arguments &a) {
         Vcpu *v = takeVcpu(a, b.machine);
         const bool held = a.flag("held"), steps = a.flag("steps"), passes = a.flag("passes");
         if (a.ok) v->setWatch(held, steps, passes);
     }},
    {"watchVcpu", [](Bound &b, Arguments &a) {
         Vcpu *v = takeLeader(a, b.machine);
         size_t count = 0;
         const auto *addresses = static_cast<u64 *>(a.array("addresses", napi_biguint64_array, 0, count));
         Watchpoints memory = takeWatchpoints(a);
         if (idle(a, b.machine, "watchVcpu()")) v->guest->watch({addresses, addresses + count}, std::move(memory));
     }},
    {"stopWatchingVcpu", [](Bound &b, Arguments &a) {
         Vcpu *v = takeLeader(a, b.machine);
         if (idle(a, b.machine, "stopWatchingVcpu()")) v->guest->stopWatching();
     }},
    {"settleVcpu", [](Bound &b, Arguments &a) {
         Vcpu *v = takeLeader(a, b.machine);
         if (v && a.check(b.machine.guest ? "settleVcpu() is not possible while a VCPU runs" : "")) v->guest->settle();
     }},
    {"readVcpu", registers<&Vcpu::readRegisters>},
    {"writeVcpu", registers<&Vcpu::writeRegisters>},
    {"restoreVcpu", registers<&Vcpu::restore>},
};

napi_value dispatch(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = Machines::of(env).take(a, "machine");
    if (b) static_cast<const Function *>(a.data)->body(*b, a);
    return a.result;
}

} // namespace

bool exportMachine(napi_env env, napi_value exports) {
    bool ok = exportFunction(env, exports, "machineCreate", create, nullptr);
    for (const Function &f : FUNCTIONS) ok = ok && exportFunction(env, exports, f.name, dispatch, const_cast<Function *>(&f));
    return ok;
}

} // namespace bailiwick
