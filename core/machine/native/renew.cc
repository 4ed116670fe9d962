/* What an engine gives back when its hart rests: all but its registers.
 *
 * The engine has no call that frees what it holds of the code it has run. uc_ctl_flush_tb() begins the translation buffer anew, which stays the process's, and so do lists of every
 * block that each hook was put into (110 bytes a block, 2.1.1), and TLBs as large as they ever were. So a new engine takes the old one's place, and goes on from the contexts.
 */
#include <malloc.h>
#include <sys/mman.h>
#include <utility>
#include "engine.h"

namespace bailiwick {

/* A context holds no pointers, so one engine's can be restored into another. What it does not hold: fflags, and whether mip is looked at. On a failure all is as before. */
Failure Engine::renew() {
    if (watches > 0) return "it is watched";
    for (const Window &w : windows)
        if (!w.host) return "an engine with device windows cannot be renewed";
    const u64 mstatus = get(layout().mstatus), pending = get(layout().mip);
    set(layout().mstatus, mstatus | status::FS); /* fflags can be reached only while it is on */
    const u64 flags = readCsr(UC_RISCV_REG_FFLAGS);

    uc_engine *before = std::exchange(uc, nullptr);
    unsigned char *const bufferBefore = std::exchange(buffer, nullptr);
    Failure failure = openHart(static_cast<u32>(room));
    const auto check = [&](uc_err e) {
        if (e && failure.empty()) failure = uc_strerror(e);
    };
    uc_hook hook;
    if (failure.empty()) {
        for (const Window &w : windows) check(uc_mem_map_ptr(uc, w.base, w.bytes, UC_PROT_ALL, w.host));
        for (const Hook &h : hooks) check(uc_hook_add(uc, &hook, h.kind, h.callback, h.user, 1, 0));
    }
    if (!failure.empty()) std::swap(uc, before), buffer = bufferBefore;
    else translated = 0;
    if (before) uc_close(before);
    parked = false;
    if (failure.empty()) writeCsr(UC_RISCV_REG_FFLAGS, flags);
    set(layout().mstatus, mstatus);
    if (failure.empty() && pending) writeCsr(UC_RISCV_REG_MIP, pending);
    return failure;
}

void Engine::forget() {
    if (!renew().empty()) { /* the host has no room for another */
        uc_ctl_flush_tb(uc);
        translated = 0;
        if (buffer) madvise(buffer + KEPT, room - PAGE - KEPT, MADV_DONTNEED);
    }
    malloc_trim(0); /* it was many small pieces */
}

} // namespace bailiwick
