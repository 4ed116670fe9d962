/* The arguments of a call from JavaScript, checked by name. The TypeScript layer has validated them already; what arrives
 * here wrong all the same becomes a RangeError or TypeError that names the argument, never an undefined behaviour.
 *
 * After the first failure `ok` is false, an exception is pending, and further reads give zero. */
#pragma once
#include <node_api.h>
#include "machine.h"

namespace bailiwick {

struct Arguments {
    static constexpr size_t MOST = 8;
    napi_env env;
    napi_value values[MOST];
    size_t count = MOST;
    size_t taken = 0;
    bool ok = true;

    Arguments(napi_env, napi_callback_info);
    u64 integer(const char *name, double least, double most);
    u64 word(const char *name); /* a BigInt, taken modulo 2^64 */
    napi_value function(const char *name);
    unsigned char *buffer(const char *name, u64 offset, u64 bytes); /* that part of an ArrayBuffer */
    bool flag(const char *name);
    void refuse(const char *name, const char *expected);
};

/* Throws a RangeError with the failure's words; true when there was one. */
bool raise(napi_env, const Failure &);
napi_value number(napi_env, double);
napi_value bigint(napi_env, u64);
bool exportFunction(napi_env, napi_value object, const char *name, napi_callback);

/* Functions of JavaScript that answer the accesses to a device window. */
struct DeviceCallbacks {
    napi_env env;
    napi_ref read, write;
    ~DeviceCallbacks();
    static DeviceCallbacks *make(napi_env, napi_value read, napi_value write);
    static bool onRead(void *self, u32 offset, u32 size, u64 *value);
    static bool onWrite(void *self, u32 offset, u32 size, u64 value);
};

napi_value exportEngine(napi_env, napi_value exports);
napi_value exportMachine(napi_env, napi_value exports);

} // namespace bailiwick
