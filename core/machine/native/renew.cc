/* How an engine forgets the code it has run: a new one takes its place, and goes on from the contexts.
 *
 * The engine has no call for it that costs as little (opening one takes 2 ms). uc_ctl_flush_tb() begins the translation buffer anew, for which 2.1.1 writes to each byte of it, and the buffer
 * stays the process's, as do lists of every block that each hook was put into (110 bytes a block, 2.1.1), and TLBs as large as they ever were.
 */
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

/* One that cannot be renewed begins its buffer anew, and before that writes to all of it (2.1.1), which is quickest in large pages; it is given back then. */
void Engine::forgetCode() {
    if (renew().empty()) return;
    if (buffer) madvise(buffer, room - PAGE, MADV_HUGEPAGE);
    uc_ctl_flush_tb(uc);
    translated = 0;
    smallPages();
}

} // namespace bailiwick
