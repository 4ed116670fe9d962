/* The module's entry: what JavaScript gets when it loads the addon. */
#include "arguments.h"

namespace {

using namespace bailiwick;

/* Works with any libunicorn, so that the loader can name what it found. */
napi_value version(napi_env env, napi_callback_info) {
    unsigned major = 0, minor = 0, loaded = uc_version(&major, &minor);
    napi_value result, text, problem;
    const std::string words = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(loaded >> 8 & 255);
    napi_create_object(env, &result);
    napi_set_named_property(env, result, "major", number(env, major));
    napi_set_named_property(env, result, "minor", number(env, minor));
    napi_set_named_property(env, result, "patch", number(env, loaded >> 8 & 255));
    napi_set_named_property(env, result, "extra", number(env, loaded & 255));
    napi_create_string_utf8(env, words.c_str(), NAPI_AUTO_LENGTH, &text);
    napi_set_named_property(env, result, "string", text);
    const char *why = engineVersionProblem();
    if (why) napi_create_string_utf8(env, why, NAPI_AUTO_LENGTH, &problem);
    else napi_get_null(env, &problem);
    napi_set_named_property(env, result, "problem", problem);
    return result;
}

} // namespace

NAPI_MODULE_INIT() {
    if (!exportFunction(env, exports, "version", version) || !exportEngine(env, exports) || !exportMachine(env, exports)) return nullptr;
    return exports;
}
