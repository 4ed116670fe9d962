/* What a file's reader and writer may have at once. Node's own reads and writes always go by another thread and come back by a turn of the event loop, which takes longer than most disks
 * of guests, since the host has those in memory. */
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include "arguments.h"

namespace bailiwick {

namespace {

using Clock = std::chrono::steady_clock;

/* So long it is looked again and again: to be woken takes about as long. */
constexpr std::chrono::microseconds LOOKS{40};
constexpr double MOST_PATIENCE = 1e6;

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

/* A write by a thread of the host's pool. It is this thread's until `ended`, and goes away in the turn of the event loop that follows. */
struct Write {
    int file = 0;
    off_t position = 0;
    const void *bytes = nullptr;
    size_t length = 0;
    double result = 0; /* bytes written, or -errno */
    std::mutex mutex;
    std::condition_variable over;
    std::atomic<bool> ended{false};
    bool told = false; /* who asked has its result already */
    napi_async_work work = nullptr;
    napi_ref array = nullptr, done = nullptr;

    void run() {
        const ssize_t n = pwrite(file, bytes, length, position);
        result = n < 0 ? -errno : static_cast<double>(n);
        const std::lock_guard<std::mutex> lock(mutex);
        ended = true;
        over.notify_one();
    }

    bool endsWithin(std::chrono::microseconds patience) {
        const Clock::time_point begun = Clock::now();
        for (const auto looks = std::min(patience, LOOKS); !ended && Clock::now() - begun < looks;) std::this_thread::yield();
        std::unique_lock<std::mutex> lock(mutex);
        return over.wait_until(lock, begun + patience, [this] { return ended.load(); });
    }
};

void finishWrite(napi_env env, napi_status, void *data) {
    auto *const write = static_cast<Write *>(data);
    napi_value done, receiver, result;
    if (!write->told && napi_get_reference_value(env, write->done, &done) == napi_ok && done) {
        napi_get_undefined(env, &receiver);
        napi_create_double(env, write->result, &result);
        napi_call_function(env, receiver, done, 1, &result, nullptr);
    }
    napi_delete_async_work(env, write->work);
    napi_delete_reference(env, write->array);
    napi_delete_reference(env, write->done);
    delete write;
}

/* Bytes written, or -errno; nothing when it was not over within so many microseconds: then `done` gets it. */
napi_value writeWithin(napi_env env, napi_callback_info info) {
    Arguments a(env, info);
    auto write = std::make_unique<Write>();
    write->file = static_cast<int>(a.integer("fd", 0, 0x7fffffff)), write->position = static_cast<off_t>(a.integer("position", 0, MAX_SAFE));
    write->bytes = a.array("bytes", napi_uint8_array, 0, write->length);
    const std::chrono::microseconds patience(a.integer("patience", 0, MOST_PATIENCE));
    const napi_value done = a.function("done");
    if (!a.ok) return nullptr;
    napi_create_reference(env, a.values[2], 1, &write->array);
    napi_create_reference(env, done, 1, &write->done);
    const auto execute = [](napi_env, void *data) { static_cast<Write *>(data)->run(); };
    if (napi_create_async_work(env, nullptr, text(env, "bailiwick.write"), execute, finishWrite, write.get(), &write->work) != napi_ok || napi_queue_async_work(env, write->work) != napi_ok)
        return a.check("the host cannot begin a write"), nullptr;
    Write *const begun = write.release();
    if (patience.count() > 0 && begun->endsWithin(patience)) begun->told = true, a.give(begun->result);
    return a.result;
}

} // namespace

bool exportFile(napi_env env, napi_value exports) {
    return exportFunction(env, exports, "readCached", readCached, nullptr) && exportFunction(env, exports, "writeWithin", writeWithin, nullptr);
}

} // namespace bailiwick
