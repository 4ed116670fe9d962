/* Calls from JavaScript: their arguments, checked by name. The TypeScript types say what is right; what arrives here wrong all
 * the same becomes a RangeError that names the argument, never undefined behaviour.
 *
 * After the first failure `ok` is false, an exception is pending, and further reads give zero. */
#pragma once
#include <node_api.h>
#include "machine.h"

namespace bailiwick {

constexpr double MAX_SAFE = 9007199254740991.0;

struct Arguments {
    napi_env env;
    napi_value values[8] = {};
    size_t count = 8, taken = 0;
    void *data = nullptr; /* of the function, given when it was exported */
    bool ok = true;
    napi_value result = nullptr;

    Arguments(napi_env e, napi_callback_info info) : env(e) { napi_get_cb_info(env, info, &count, values, nullptr, &data); }
    double number(const char *name, double least, double most); /* an integer */
    u64 integer(const char *name, double least, double most) { return static_cast<u64>(number(name, least, most)); }
    u64 word(const char *name); /* a BigInt, taken modulo 2^64 */
    bool flag(const char *name);
    napi_value function(const char *name);
    void *array(const char *name, napi_typedarray_type, size_t least, size_t &length); /* a typed array of that kind: its memory and length */
    unsigned char *buffer(const char *name, u64 offset, u64 bytes); /* that part of an ArrayBuffer, page-aligned */

    void refuse(const char *name, const std::string &expected);
    /* Throws the failure's words; false when there was one. */
    bool check(const Failure &);
    void give(double number) { napi_create_double(env, number, &result); }
    void give(u64 word) { napi_create_bigint_uint64(env, word, &result); }

private:
    napi_value take() { return taken < count ? values[taken++] : (taken++, nullptr); }
};

/* Opened things by small integers: what JavaScript holds. A handle is never used twice. */
template <typename T> struct Handles {
    std::vector<std::unique_ptr<T>> all;

    /* Of this environment; a worker thread has its own, and its end closes what it left open. */
    static Handles &of(napi_env env) {
        static thread_local Handles *own = nullptr;
        if (!own) napi_add_env_cleanup_hook(env, [](void *h) { delete static_cast<Handles *>(h), own = nullptr; }, own = new Handles);
        return *own;
    }
    double add(std::unique_ptr<T> thing) { return all.push_back(std::move(thing)), static_cast<double>(all.size() - 1); }
    T *take(Arguments &a, const char *name) {
        const u64 handle = a.integer(name, 0, static_cast<double>(all.size()) - 1);
        if (a.ok && !all[handle]) a.refuse(name, "open: it has been closed");
        return a.ok ? all[handle].get() : nullptr;
    }
    void close(T *thing) {
        for (auto &held : all)
            if (held.get() == thing) held.reset();
    }
};

bool exportFunction(napi_env, napi_value object, const char *name, napi_callback, void *data);
napi_value shareMemory(napi_env, const std::shared_ptr<Memory> &); /* as an ArrayBuffer that keeps it */
void setProperty(napi_env, napi_value object, const char *name, napi_value value);
napi_value text(napi_env, const char *);

/* Functions of JavaScript that answer the accesses to a device window; false: one threw. */
struct DeviceCallbacks {
    napi_env env;
    napi_ref read = nullptr, write = nullptr;
    DeviceCallbacks(napi_env, napi_value read, napi_value write);
    ~DeviceCallbacks();
    static bool onRead(void *self, u32 offset, u32 size, u64 *value);
    static bool onWrite(void *self, u32 offset, u32 size, u64 value);
};

bool exportEngine(napi_env, napi_value exports);
bool exportMachine(napi_env, napi_value exports);
bool exportFile(napi_env, napi_value exports);

} // namespace bailiwick
