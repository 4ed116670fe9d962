/* Images of RAM for JavaScript. What takes long is done beside the thread that runs the machine, and answered by a callback with a text: what went wrong, or nothing. */
#include "bind_ram.h"
#include <errno.h>
#include <sys/wait.h>
#include <functional>
#include "ram_image.h"

namespace bailiwick {

namespace {

struct Work {
    napi_async_work work = nullptr;
    napi_ref callback = nullptr;
    std::function<Failure()> body;
    Failure failure;
};

void later(Arguments &a, napi_value callback, std::function<Failure()> body) {
    auto *work = new Work;
    work->body = std::move(body);
    napi_create_reference(a.env, callback, 1, &work->callback);
    const auto execute = [](napi_env, void *data) {
        auto *w = static_cast<Work *>(data);
        w->failure = w->body();
    };
    const auto complete = [](napi_env env, napi_status, void *data) {
        const std::unique_ptr<Work> w(static_cast<Work *>(data));
        napi_value function = nullptr, receiver = nullptr, said = text(env, w->failure.c_str());
        napi_get_reference_value(env, w->callback, &function);
        napi_get_undefined(env, &receiver);
        napi_call_function(env, receiver, function, 1, &said, nullptr);
        napi_delete_reference(env, w->callback);
        napi_delete_async_work(env, w->work);
    };
    napi_create_async_work(a.env, nullptr, text(a.env, "bailiwick"), execute, complete, work, &work->work);
    napi_queue_async_work(a.env, work->work);
}

struct Range {
    unsigned char *ram;
    u64 bytes;
};

Range takeRange(Machine &m, Arguments &a) {
    const u64 offset = a.integer("offset", 0, MAX_SAFE), bytes = a.integer("bytes", PAGE, MAX_SAFE);
    if (a.ok && ((offset | bytes) % PAGE || offset >= m.ram->size || bytes > m.ram->size - offset)) a.refuse("the range", "whole pages of RAM");
    return {a.ok ? m.ram->bytes + offset : nullptr, bytes};
}

int takeFile(Arguments &a) { return static_cast<int>(a.integer("fd", 0, 0x7fffffff)); }

napi_value verifyRamImage(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    const int file = takeFile(a);
    napi_value done = a.function("done");
    if (a.ok) later(a, done, [file] {
        RamImage image;
        const Failure failure = image.read(file);
        return failure.empty() ? image.verify(file) : failure;
    });
    return nullptr;
}

} // namespace

void saveRam(Machine &m, Arguments &a) {
    const Range range = takeRange(m, a);
    const int file = takeFile(a);
    const bool backed = a.flag("backed"), changes = a.flag("changes");
    napi_value done = a.function("done");
    if (a.ok && changes && !backed) a.refuse("changes", "false for memory that was not placed from an image");
    if (!a.ok) return;
    const pid_t child = RamImage::save(range.ram, range.bytes, file, backed, changes);
    if (child < 0) {
        a.check(Failure("no process can be made to write the memory: ") + strerror(errno));
        return;
    }
    later(a, done, [child]() -> Failure {
        int status = 0;
        while (waitpid(child, &status, 0) < 0)
            if (errno != EINTR) return Failure("waiting for the process that writes the memory: ") + strerror(errno);
        if (WIFSIGNALED(status)) return "the process that writes the memory was ended by signal " + std::to_string(WTERMSIG(status));
        return WEXITSTATUS(status) == 0 ? "" : strerror(WEXITSTATUS(status));
    });
}

void placeRam(Machine &m, Arguments &a) {
    const Range range = takeRange(m, a);
    const int file = takeFile(a);
    const u64 from = a.integer("from", 0, MAX_SAFE);
    if (a.ok && from % PAGE) a.refuse("from", "whole pages");
    if (!a.ok) return;
    RamImage image;
    Failure failure = image.read(file);
    if (failure.empty()) failure = image.place(file, from, range.ram, range.bytes);
    m.invalidate(RAM_BASE + static_cast<u64>(range.ram - m.ram->bytes), range.bytes);
    a.check(failure);
}

void giveRamUse(Machine &m, Arguments &a) {
    const Range range = takeRange(m, a);
    if (!a.ok) return;
    const RamUse use = ramUse(range.ram, range.bytes);
    napi_create_object(a.env, &a.result);
    for (auto &[name, pages] : {std::pair{"own", use.own}, std::pair{"shared", use.shared}}) {
        napi_value number;
        napi_create_double(a.env, static_cast<double>(pages * PAGE), &number);
        setProperty(a.env, a.result, name, number);
    }
}

bool exportRam(napi_env env, napi_value exports) { return exportFunction(env, exports, "verifyRamImage", verifyRamImage, nullptr); }

} // namespace bailiwick
