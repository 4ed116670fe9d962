/* What a file's reader may have at once: the part of it that the host holds in its page cache. Node's own reads always go by another thread, which takes longer than most disks of
 * guests, since the host has those in memory. */
#include <sys/uio.h>
#include "arguments.h"

namespace bailiwick {

namespace {

/* Bytes read into the array, from its start; -1 when there is nothing to be had without waiting, whatever the reason: who asks then reads as usual, and learns it. */
napi_value readCached(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    const u64 file = a.integer("fd", 0, 0x7fffffff), position = a.integer("position", 0, MAX_SAFE);
    size_t length = 0;
    void *bytes = a.array("into", napi_uint8_array, 0, length);
    if (!a.ok) return nullptr;
    const iovec part = {bytes, length};
    a.give(static_cast<double>(preadv2(static_cast<int>(file), &part, 1, static_cast<off_t>(position), RWF_NOWAIT)));
    return a.result;
}

} // namespace

bool exportFile(napi_env env, napi_value exports) { return exportFunction(env, exports, "readCached", readCached, nullptr); }

} // namespace bailiwick
