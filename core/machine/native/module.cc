/* The module's entry: what JavaScript gets when it loads the addon. */
#include <malloc.h>
#include "bind_ram.h"

namespace {

using namespace bailiwick;

/* Works with any libunicorn, so that the loader can name what it found. */
napi_value version(napi_env env, napi_callback_info) {
    unsigned major = 0, minor = 0, loaded = uc_version(&major, &minor);
    const std::pair<const char *, unsigned> parts[] = {{"major", major}, {"minor", minor}, {"patch", loaded >> 8 & 255}, {"extra", loaded & 255}};
    napi_value result, none;
    napi_create_object(env, &result);
    for (auto &[name, part] : parts) {
        napi_value number;
        napi_create_uint32(env, part, &number);
        setProperty(env, result, name, number);
    }
    const std::string words = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(loaded >> 8 & 255);
    setProperty(env, result, "string", text(env, words.c_str()));
    const char *problem = engineVersionProblem();
    napi_get_null(env, &none);
    setProperty(env, result, "problem", problem ? text(env, problem) : none);
    return result;
}

/*
 * Large tables of which little is ever touched are most of what an engine and the kernel have. Left to itself the allocator sees the first of them freed and takes the next from its heap:
 * there all of it is written with zeros first, and what is freed between two others is the process's for ever.
 */
constexpr int LARGE = 512 << 10;

} // namespace

NAPI_MODULE_INIT() {
    mallopt(M_MMAP_THRESHOLD, LARGE);
    const bool ok = exportFunction(env, exports, "version", version, nullptr) && exportEngine(env, exports) && exportMachine(env, exports) && exportFile(env, exports) && exportRam(env, exports);
    return ok ? exports : nullptr;
}
