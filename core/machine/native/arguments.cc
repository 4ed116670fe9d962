/* Values between C++ and JavaScript: see arguments.h. */
#include "arguments.h"
#include <math.h>

namespace bailiwick {

Arguments::Arguments(napi_env e, napi_callback_info info) : env(e), values{} { napi_get_cb_info(env, info, &count, values, nullptr, nullptr); }

void Arguments::refuse(const char *name, const char *expected) {
    if (ok) napi_throw_range_error(env, "ERR_BAILIWICK_ARGUMENT", (std::string(name) + " must be " + expected).c_str());
    ok = false;
}

u64 Arguments::integer(const char *name, double least, double most) {
    double value = 0;
    napi_value v = taken < count ? values[taken] : nullptr;
    taken++;
    if (!ok) return 0;
    if (!v || napi_get_value_double(env, v, &value) != napi_ok || !(value >= least && value <= most) || value != floor(value)) {
        refuse(name, ("an integer from " + std::to_string(static_cast<long long>(least)) + " to " + std::to_string(static_cast<long long>(most))).c_str());
        return 0;
    }
    return static_cast<u64>(static_cast<int64_t>(value));
}

u64 Arguments::word(const char *name) {
    u64 value = 0;
    bool lossless;
    napi_value v = taken < count ? values[taken] : nullptr;
    taken++;
    if (ok && (!v || napi_get_value_bigint_uint64(env, v, &value, &lossless) != napi_ok)) refuse(name, "a BigInt");
    return value;
}

napi_value Arguments::function(const char *name) {
    napi_value v = taken < count ? values[taken] : nullptr;
    taken++;
    napi_valuetype type = napi_undefined;
    if (v) napi_typeof(env, v, &type);
    if (ok && type != napi_function) refuse(name, "a function");
    return v;
}

bool Arguments::flag(const char *name) {
    bool value = false;
    napi_value v = taken < count ? values[taken] : nullptr;
    taken++;
    if (ok && (!v || napi_get_value_bool(env, v, &value) != napi_ok)) refuse(name, "a boolean");
    return value;
}

unsigned char *Arguments::buffer(const char *name, u64 offset, u64 bytes) {
    void *data = nullptr;
    size_t length = 0;
    bool is = false;
    napi_value v = taken < count ? values[taken] : nullptr;
    taken++;
    if (!ok) return nullptr;
    if (!v || napi_is_arraybuffer(env, v, &is) != napi_ok || !is) return refuse(name, "an ArrayBuffer"), nullptr;
    napi_get_arraybuffer_info(env, v, &data, &length);
    if (offset > length || bytes > length - offset) return refuse(name, "large enough for that part"), nullptr;
    if ((reinterpret_cast<uintptr_t>(data) + offset) % PAGE) return refuse(name, "page-aligned memory (use hostMemory)"), nullptr;
    return static_cast<unsigned char *>(data) + offset;
}

bool raise(napi_env env, const Failure &failure) {
    if (!failure.empty()) napi_throw_range_error(env, "ERR_BAILIWICK_NATIVE", failure.c_str());
    return !failure.empty();
}

napi_value number(napi_env env, double value) {
    napi_value v;
    napi_create_double(env, value, &v);
    return v;
}

napi_value bigint(napi_env env, u64 value) {
    napi_value v;
    napi_create_bigint_uint64(env, value, &v);
    return v;
}

bool exportFunction(napi_env env, napi_value object, const char *name, napi_callback callback) {
    napi_value f;
    return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &f) == napi_ok && napi_set_named_property(env, object, name, f) == napi_ok;
}

DeviceCallbacks *DeviceCallbacks::make(napi_env env, napi_value read, napi_value write) {
    auto *callbacks = new DeviceCallbacks{env, nullptr, nullptr};
    napi_create_reference(env, read, 1, &callbacks->read);
    napi_create_reference(env, write, 1, &callbacks->write);
    return callbacks;
}

DeviceCallbacks::~DeviceCallbacks() {
    napi_delete_reference(env, read);
    napi_delete_reference(env, write);
}

/* Calls into JavaScript from inside an access of the engine. */
static bool call(napi_env env, napi_ref target, size_t count, const double *arguments, u64 *value) {
    napi_handle_scope scope;
    napi_value function, receiver, result, values[4];
    napi_open_handle_scope(env, &scope);
    napi_get_reference_value(env, target, &function);
    napi_get_undefined(env, &receiver);
    for (size_t i = 0; i < count; i++) napi_create_double(env, arguments[i], &values[i]);
    bool ok = napi_call_function(env, receiver, function, count, values, &result) == napi_ok;
    if (ok && value) {
        double n = 0;
        bool lossless;
        if (napi_get_value_double(env, result, &n) == napi_ok) *value = n >= 0 && n < 0x1p64 ? static_cast<u64>(n) : n < 0 && n >= -0x1p63 ? static_cast<u64>(static_cast<int64_t>(n)) : 0;
        else if (napi_get_value_bigint_uint64(env, result, value, &lossless) != napi_ok) ok = false, napi_throw_type_error(env, "ERR_BAILIWICK_DEVICE", "a device's read must return a number or a BigInt");
    }
    napi_close_handle_scope(env, scope);
    return ok;
}

bool DeviceCallbacks::onRead(void *self, u32 offset, u32 size, u64 *value) {
    auto *callbacks = static_cast<DeviceCallbacks *>(self);
    const double arguments[] = {static_cast<double>(offset), static_cast<double>(size)};
    return call(callbacks->env, callbacks->read, 2, arguments, value);
}

bool DeviceCallbacks::onWrite(void *self, u32 offset, u32 size, u64 value) {
    auto *callbacks = static_cast<DeviceCallbacks *>(self);
    const double arguments[] = {static_cast<double>(offset), static_cast<double>(size), static_cast<double>(static_cast<u32>(value)), static_cast<double>(value >> 32)};
    return call(callbacks->env, callbacks->write, 4, arguments, nullptr);
}

} // namespace bailiwick
