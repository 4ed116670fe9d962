/* Values between C++ and JavaScript: see arguments.h. */
#include "arguments.h"
#include <math.h>

namespace bailiwick {

void Arguments::refuse(const char *name, const std::string &expected) {
    if (ok) napi_throw_range_error(env, "ERR_BAILIWICK_ARGUMENT", (name + (" must be " + expected)).c_str());
    ok = false;
}

bool Arguments::check(const Failure &failure) {
    if (!failure.empty()) napi_throw_range_error(env, "ERR_BAILIWICK_NATIVE", failure.c_str()), ok = false;
    return failure.empty();
}

double Arguments::number(const char *name, double least, double most) {
    double value = 0;
    napi_value v = take();
    if (!ok) return 0;
    if (v && napi_get_value_double(env, v, &value) == napi_ok && value >= least && value <= most && value == floor(value)) return value;
    refuse(name, "an integer from " + std::to_string(static_cast<long long>(least)) + " to " + std::to_string(static_cast<long long>(most)));
    return 0;
}

u64 Arguments::word(const char *name) {
    u64 value = 0;
    bool lossless;
    napi_value v = take();
    if (!v || napi_get_value_bigint_uint64(env, v, &value, &lossless) != napi_ok) refuse(name, "a BigInt");
    return value;
}

bool Arguments::flag(const char *name) {
    bool value = false;
    napi_value v = take();
    if (!v || napi_get_value_bool(env, v, &value) != napi_ok) refuse(name, "a boolean");
    return value;
}

napi_value Arguments::function(const char *name) {
    napi_value v = take();
    napi_valuetype type = napi_undefined;
    if (v) napi_typeof(env, v, &type);
    if (type != napi_function) refuse(name, "a function");
    return v;
}

unsigned char *Arguments::buffer(const char *name, u64 offset, u64 bytes) {
    void *data = nullptr;
    size_t length = 0;
    napi_value v = take();
    if (!ok) return nullptr;
    if (!v || napi_get_arraybuffer_info(env, v, &data, &length) != napi_ok) return refuse(name, "an ArrayBuffer"), nullptr;
    if (offset > length || bytes > length - offset) return refuse(name, "large enough for that part"), nullptr;
    if ((reinterpret_cast<uintptr_t>(data) + offset) % PAGE) return refuse(name, "page-aligned memory (use hostMemory)"), nullptr;
    return static_cast<unsigned char *>(data) + offset;
}

void *Arguments::array(const char *name, napi_typedarray_type wanted, size_t least, size_t &length) {
    napi_typedarray_type type;
    void *data = nullptr;
    napi_value v = take();
    if (!ok) return nullptr;
    if (!v || napi_get_typedarray_info(env, v, &type, &length, &data, nullptr, nullptr) != napi_ok || type != wanted || length < least)
        return refuse(name, (wanted == napi_uint8_array ? "a Uint8Array of at least " : wanted == napi_biguint64_array ? "a BigUint64Array of at least " : "an Int32Array of at least ") + std::to_string(least)), nullptr;
    return data;
}

bool exportFunction(napi_env env, napi_value object, const char *name, napi_callback callback, void *data) {
    napi_value f;
    return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &f) == napi_ok && napi_set_named_property(env, object, name, f) == napi_ok;
}

napi_value shareMemory(napi_env env, const std::shared_ptr<Memory> &memory) {
    napi_value buffer;
    auto *held = new std::shared_ptr<Memory>(memory);
    auto release = [](napi_env, void *, void *hint) { delete static_cast<std::shared_ptr<Memory> *>(hint); };
    if (napi_create_external_arraybuffer(env, memory->bytes, memory->size, release, held, &buffer) == napi_ok) return buffer;
    return delete held, nullptr;
}

void setProperty(napi_env env, napi_value object, const char *name, napi_value value) { napi_set_named_property(env, object, name, value); }

napi_value text(napi_env env, const char *words) {
    napi_value value;
    napi_create_string_utf8(env, words, NAPI_AUTO_LENGTH, &value);
    return value;
}

DeviceCallbacks::DeviceCallbacks(napi_env e, napi_value onRead, napi_value onWrite) : env(e) {
    napi_create_reference(env, onRead, 1, &read);
    napi_create_reference(env, onWrite, 1, &write);
}

DeviceCallbacks::~DeviceCallbacks() {
    napi_delete_reference(env, read);
    napi_delete_reference(env, write);
}

static bool call(napi_env env, napi_ref target, size_t count, const double *arguments, u64 *value) {
    napi_handle_scope scope;
    napi_value function, receiver, result, values[4];
    napi_open_handle_scope(env, &scope);
    napi_get_reference_value(env, target, &function);
    napi_get_undefined(env, &receiver);
    for (size_t i = 0; i < count; i++) napi_create_double(env, arguments[i], &values[i]);
    bool ok = napi_call_function(env, receiver, function, count, values, &result) == napi_ok, lossless;
    int64_t n = 0;
    if (ok && value && napi_get_value_int64(env, result, &n) == napi_ok) *value = static_cast<u64>(n);
    else if (ok && value && napi_get_value_bigint_uint64(env, result, value, &lossless) != napi_ok) ok = false, napi_throw_type_error(env, "ERR_BAILIWICK_DEVICE", "a device's read must return a number or a BigInt");
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
