/* The machine and its VCPUs for JavaScript: functions over the integer handle of a machine. */
#include "arguments.h"
#include <math.h>
#include "vcpu.h"

namespace bailiwick {

namespace {

constexpr double MAX_SAFE = 9007199254740991.0;

/* One machine and what it holds of JavaScript. */
struct Bound {
    Machine machine;
    std::vector<std::unique_ptr<DeviceCallbacks>> callbacks;
    napi_env env = nullptr;
    napi_value kernel = nullptr, receiver = nullptr; /* during run() */
    napi_handle_scope scope = nullptr;
    u32 inScope = 0;
    napi_ref buffers[4] = {};
};

/* Of this environment (a worker thread has its own). */
struct Table {
    std::vector<std::unique_ptr<Bound>> machines;
};

Table &table(napi_env env) {
    static thread_local Table *own = nullptr;
    if (!own) {
        own = new Table;
        napi_add_env_cleanup_hook(env, [](void *t) { delete static_cast<Table *>(t); }, own);
    }
    return *own;
}

Bound *take(Arguments &a) {
    auto &machines = table(a.env).machines;
    u64 handle = a.integer("machine", 0, static_cast<double>(machines.size()) - 1);
    if (a.ok && !machines[handle]) a.refuse("machine", "open: it has been closed");
    return a.ok ? machines[handle].get() : nullptr;
}

Vcpu *takeVcpu(Arguments &a, Machine &m) {
    u64 v = a.integer("vcpu", 0, static_cast<double>(m.options.vcpus) - 1);
    if (a.ok && !m.vcpus[v]) a.refuse("vcpu", "one that was created");
    return a.ok ? m.vcpus[v].get() : nullptr;
}

bool idle(Arguments &a, const Machine &m, const char *what) {
    if (a.ok && m.busy()) raise(a.env, std::string(what) + " is not possible while the machine runs"), a.ok = false;
    return a.ok;
}

napi_value shared(napi_env env, const std::shared_ptr<Memory> &memory, napi_ref *kept) {
    napi_value buffer;
    auto *held = new std::shared_ptr<Memory>(memory);
    auto release = [](napi_env, void *, void *hint) { delete static_cast<std::shared_ptr<Memory> *>(hint); };
    if (napi_create_external_arraybuffer(env, memory->bytes, memory->size, release, held, &buffer) != napi_ok) return delete held, nullptr;
    napi_create_reference(env, buffer, 0, kept);
    return buffer;
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
    if (a.ok && o.ramBytes % (2 << 20)) a.refuse("ramBytes", "a multiple of 2 MiB");
    if (!a.ok) return nullptr;
    auto bound = std::make_unique<Bound>();
    bound->env = env;
    if (raise(env, bound->machine.create(o))) return nullptr;
    napi_value result, value;
    napi_create_object(env, &result);
    auto &machines = table(env).machines;
    napi_set_named_property(env, result, "handle", number(env, static_cast<double>(machines.size())));
    const std::pair<const char *, std::shared_ptr<Memory> *> parts[] = {{"ram", &bound->machine.ram}, {"frames", &bound->machine.frames}, {"control", &bound->machine.control}, {"vcpus", &bound->machine.records}};
    for (size_t i = 0; i < 4; i++) {
        if (!(value = shared(env, *parts[i].second, &bound->buffers[i]))) return raise(env, "this JavaScript engine cannot share memory"), nullptr;
        napi_set_named_property(env, result, parts[i].first, value);
    }
    machines.push_back(std::move(bound));
    return result;
}

napi_value close(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    if (!b || !idle(a, b->machine, "close()")) return nullptr;
    for (napi_ref &ref : b->buffers) { /* nothing may reach the memory afterwards */
        napi_value buffer = nullptr;
        if (napi_get_reference_value(env, ref, &buffer) == napi_ok && buffer) napi_detach_arraybuffer(env, buffer);
        napi_delete_reference(env, ref);
    }
    for (auto &bound : table(env).machines)
        if (bound.get() == b) bound.reset();
    return nullptr;
}

/* ---- address spaces, memory, time ---- */

napi_value bindSpace(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    u64 space = b ? a.integer("space", 0, b->machine.options.spaces - 1) : 0, root = a.integer("rootPhys", 0, MAX_SAFE);
    if (a.ok) raise(env, b->machine.bindSpace(static_cast<u32>(space), root));
    return nullptr;
}

napi_value dropSpace(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    u64 space = b ? a.integer("space", 0, b->machine.options.spaces - 1) : 0;
    if (a.ok) b->machine.dropSpace(static_cast<u32>(space));
    return nullptr;
}

napi_value flushSpace(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    u64 space = b ? a.integer("space", 0, b->machine.options.spaces - 1) : 0;
    if (a.ok) b->machine.flushSpace(static_cast<u32>(space));
    return nullptr;
}

napi_value invalidate(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    u64 physical = a.integer("phys", RAM_BASE, MAX_SAFE), bytes = a.integer("bytes", 1, MAX_SAFE);
    if (a.ok && !b->machine.memoryAt(physical, bytes)) a.refuse("phys and bytes", "a range of RAM");
    if (a.ok) b->machine.invalidate(physical, bytes);
    return nullptr;
}

napi_value mapDevice(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    u64 base = a.integer("phys", 0, 0x1p48), bytes = a.integer("bytes", PAGE, 0x1p48);
    napi_value read = a.function("read"), write = a.function("write");
    if (!a.ok || !idle(a, b->machine, "mapDevice()")) return nullptr;
    auto callbacks = std::unique_ptr<DeviceCallbacks>(DeviceCallbacks::make(env, read, write));
    auto device = std::make_unique<Device>(Device{base, bytes, callbacks.get(), DeviceCallbacks::onRead, DeviceCallbacks::onWrite});
    if (!raise(env, b->machine.mapDevice(std::move(device)))) b->callbacks.push_back(std::move(callbacks));
    return nullptr;
}

napi_value clock(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    return b ? number(env, floor(b->machine.clock())) : nullptr;
}

napi_value advanceClock(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    u64 ticks = a.integer("ticks", 0, MAX_SAFE);
    if (a.ok && !b->machine.options.blockClock) a.refuse("advanceClock()", "used in deterministic mode only");
    if (a.ok) b->machine.advance(static_cast<double>(ticks));
    return nullptr;
}

/* ---- running ---- */

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

napi_value run(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    u64 frame = b ? a.integer("frame", 0, b->machine.options.threads - 1) : 0;
    napi_value kernel = a.function("onTrap");
    if (!a.ok || !idle(a, b->machine, "run()")) return nullptr;
    b->kernel = kernel, b->inScope = 0;
    napi_get_undefined(env, &b->receiver);
    napi_open_handle_scope(env, &b->scope);
    Failure failure = b->machine.run(static_cast<u32>(frame), enterKernel, b);
    napi_close_handle_scope(env, b->scope);
    b->kernel = nullptr;
    raise(env, failure);
    return nullptr;
}

/* ---- virtual CPUs ---- */

napi_value createVcpu(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    if (!b) return nullptr;
    Machine &m = b->machine;
    for (size_t i = 0; i < m.vcpus.size(); i++) {
        if (m.vcpus[i]) continue;
        auto vcpu = std::make_unique<Vcpu>(m, reinterpret_cast<Record *>(m.records->bytes + i * Vcpu::RECORD_BYTES));
        if (raise(env, vcpu->open())) return nullptr;
        m.vcpus[i] = std::move(vcpu);
        return number(env, static_cast<double>(i));
    }
    return raise(env, "all VCPUs of the machine are in use"), nullptr;
}

napi_value destroyVcpu(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    Vcpu *v = b ? takeVcpu(a, b->machine) : nullptr;
    if (!v) return nullptr;
    for (auto &vcpu : b->machine.vcpus)
        if (vcpu.get() == v) vcpu.reset();
    return nullptr;
}

template <Failure (Vcpu::*ACTION)(u64, u64)> napi_value window(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    Vcpu *v = b ? takeVcpu(a, b->machine) : nullptr;
    u64 base = a.integer("guestPhys", 0, 0x1p48), bytes = a.integer("bytes", PAGE, 0x1p48);
    if (a.ok) raise(env, (v->*ACTION)(base, bytes));
    return nullptr;
}

napi_value mapVcpuRam(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    Vcpu *v = b ? takeVcpu(a, b->machine) : nullptr;
    u64 base = a.integer("guestPhys", 0, 0x1p48), offset = a.integer("ramOffset", 0, 0x1p40), bytes = a.integer("bytes", PAGE, 0x1p40);
    if (a.ok) raise(env, v->mapRam(base, offset, bytes));
    return nullptr;
}

napi_value runVcpu(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    Vcpu *v = b ? takeVcpu(a, b->machine) : nullptr;
    if (!v || raise(env, v->run())) return nullptr;
    return number(env, static_cast<double>(v->reason()));
}

template <Failure (Vcpu::*ACTION)()> napi_value registers(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    Bound *b = take(a);
    Vcpu *v = b ? takeVcpu(a, b->machine) : nullptr;
    if (v) raise(env, (v->*ACTION)());
    return nullptr;
}

} // namespace

napi_value exportMachine(napi_env env, napi_value exports) {
    const std::pair<const char *, napi_callback> functions[] = {
        {"machineCreate", create}, {"machineClose", close}, {"bindSpace", bindSpace}, {"dropSpace", dropSpace}, {"flushSpace", flushSpace},
        {"invalidate", invalidate}, {"mapDevice", mapDevice}, {"run", run}, {"clock", clock}, {"advanceClock", advanceClock},
        {"createVcpu", createVcpu}, {"destroyVcpu", destroyVcpu}, {"mapVcpuRam", mapVcpuRam}, {"unmapVcpuRam", window<&Vcpu::unmapRam>},
        {"mapVcpuDevice", window<&Vcpu::mapDevice>}, {"unmapVcpuDevice", window<&Vcpu::unmapDevice>}, {"runVcpu", runVcpu},
        {"readVcpu", registers<&Vcpu::readRegisters>}, {"writeVcpu", registers<&Vcpu::writeRegisters>},
    };
    for (auto &[name, f] : functions)
        if (!exportFunction(env, exports, name, f)) return nullptr;
    return exports;
}

} // namespace bailiwick
