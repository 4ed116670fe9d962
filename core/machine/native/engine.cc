/* The rv64 engine: see engine.h for what it promises. */
#include "engine.h"
#include <stdio.h>
#include <sys/mman.h>
#include <algorithm>
#include <iterator>
#include "watchpoints.h"

namespace bailiwick {

Layout Engine::found;
thread_local bool Engine::ownCode = false;

namespace {

constexpr size_t PMP_ENTRIES = 2 * Engine::MOST_RUNS;
constexpr u64 PMP_READ = 1, PMP_WRITE = 2, PMP_ALL = 7;
constexpr u64 BYTES_A_BLOCK = 256, BYTES_AN_INSTRUCTION = 192; /* of a translation, at most; 330 a block of seven instructions are usual */
constexpr u64 MANY = 16 << 20; /* so many bytes of translations, counted so, are worth large pages */
constexpr u32 wfi = 0x10500073;
constexpr u32 csrw(u32 csr, u32 source) { return csr << 20 | source << 15 | 1 << 12 | 0x73; }

/* Where this process has memory of that size, but for a guard page, that may be written and executed: in order of address. */
std::vector<u64> codeBuffers(u64 bytes) {
    std::vector<u64> found;
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    while (maps && fgets(line, sizeof line, maps)) {
        u64 from = 0, to = 0;
        char rights[5] = "";
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && !strcmp(rights, "rwxp") && (to - from == bytes || to - from == bytes - PAGE)) found.push_back(from);
    }
    if (maps) fclose(maps);
    return found;
}

Failure explain(const char *what, uc_err error) { return std::string(what) + ": " + uc_strerror(error); }

} // namespace

Scratch &Scratch::get() {
    static Scratch *scratch = [] {
        auto *page = new Scratch{};
        /* x1..x16 -> pmpaddr0..15, x17, x18 -> pmpcfg0, pmpcfg2 */
        auto *code = reinterpret_cast<u32 *>(page->bytes + PROTECT);
        for (u32 i = 0; i < PMP_ENTRIES; i++) *code++ = csrw(0x3b0 + i, 1 + i);
        *code++ = csrw(0x3a0, 17), *code++ = csrw(0x3a2, 18), *code = wfi;
        return page;
    }();
    return *scratch;
}

const char *engineVersionProblem() {
    static char text[320];
    unsigned major = 0, minor = 0;
    unsigned loaded = uc_version(&major, &minor); /* major, minor, patch, extra: a byte each, from the top */
    constexpr unsigned built = UC_API_MAJOR << 24 | UC_API_MINOR << 16 | UC_API_PATCH << 8;
    if (loaded >> 8 < 0x020101 || major >= 3) {
        snprintf(text, sizeof text, "libunicorn %u.%u.%u was loaded; Bailiwick needs at least 2.1.1 and less than 3: install libunicorn-dev of Debian 13, or run `npm run setup`",
                 major, minor, loaded >> 8 & 255);
        return text;
    }
    if (loaded >> 8 != built >> 8) {
        snprintf(text, sizeof text, "libunicorn %u.%u.%u was loaded but the addon was compiled against %d.%d.%d, whose register numbers may differ: run `npm run setup` to build it again",
                 major, minor, loaded >> 8 & 255, UC_API_MAJOR, UC_API_MINOR, UC_API_PATCH);
        return text;
    }
    return nullptr;
}

Failure Engine::prepare() {
    static bool done = false;
    if (done) return {};
    if (const char *problem = engineVersionProblem()) return problem;
    Failure failure = calibrate(found);
    done = failure.empty();
    return failure;
}

Failure Engine::openHart(u32 codeBytes) {
    if (uc_err e = uc_open(UC_ARCH_RISCV, UC_MODE_RISCV64, &uc)) return explain("opening an rv64 engine", e);
    if (uc_err e = uc_ctl_set_tcg_buffer_size(uc, codeBytes)) return explain("setting the translation buffer's size", e);
    room = codeBytes;
    const std::vector<u64> before = codeBuffers(codeBytes);
    uc_hook hook;
    if (uc_err e = uc_hook_add(uc, &hook, UC_HOOK_EDGE_GENERATED, reinterpret_cast<void *>(onTranslated), this, 1, 0)) return explain("hooking translations", e);
    const std::vector<u64> after = codeBuffers(codeBytes);
    std::vector<u64> added;
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(added));
    if (added.size() == 1) buffer = reinterpret_cast<unsigned char *>(added[0]);
    smallPages();
    if (uc_err e = uc_mem_map_ptr(uc, Scratch::AT, Scratch::BYTES, UC_PROT_ALL, Scratch::get().bytes)) return explain("mapping the scratch page", e);
    return {};
}

/* Of the pages of 2 MiB that it asks the host for, a guest that rests would use a tenth. */
void Engine::smallPages() {
    large = false;
    if (!buffer) return;
    madvise(buffer, room - PAGE, MADV_NOHUGEPAGE);
    madvise(buffer + KEPT, room - PAGE - KEPT, MADV_DONTNEED);
}

Failure Engine::openBare(u32 codeBytes) {
    if (Failure failure = openHart(codeBytes); !failure.empty()) return failure;
    if (uc_err e = uc_context_alloc(uc, &context)) return explain("allocating a context", e);
    contexts.push_back(context);
    save();
    return {};
}

/*
 * An engine whose buffer is full forgets all translations in the middle of a run, and then goes on as if the one it came from was still there (2.1.1): it writes into what
 * takes that one's place, which ends the host's process, or worse. So it never gets so far: translations are counted, and forgotten between runs; a run that makes very many
 * is interrupted. How long a translation is nobody tells: it is taken to be the longest.
 */
void Engine::onTranslated(uc_engine *uc, uc_tb *block, uc_tb *, void *user) {
    auto *engine = static_cast<Engine *>(user);
    engine->translated += BYTES_A_BLOCK + BYTES_AN_INSTRUCTION * block->icount;
    if (!engine->large && engine->buffer && engine->translated > MANY) {
        engine->large = true;
        madvise(engine->buffer, engine->room - PAGE, MADV_HUGEPAGE);
    }
    if (engine->outOfRoom || engine->translated <= engine->room / 8 * 7) return;
    engine->outOfRoom = true;
    uc_emu_stop(uc);
}

Failure Engine::open(u32 codeBytes) {
    if (Failure failure = prepare(); !failure.empty()) return failure;
    return openBare(codeBytes);
}

uc_context *Engine::addContext() {
    uc_context *further = nullptr;
    if (uc_context_alloc(uc, &further)) return nullptr;
    restore();
    uc_context_save(uc, further);
    contexts.push_back(further);
    return further;
}

void Engine::close() {
    for (uc_context *each : contexts) uc_context_free(each);
    contexts.clear();
    if (uc) uc_close(uc);
    context = nullptr, uc = nullptr;
    windows.clear(), hooks.clear();
}

Failure checkPages(u64 base, u64 bytes) {
    const bool whole = bytes > 0 && (base | bytes) % PAGE == 0 && base < PHYSICAL_END && bytes <= PHYSICAL_END - base;
    return whole ? "" : "a window must be whole pages below 2^48";
}

Failure Engine::checkRange(u64 base, u64 bytes) const {
    if (Failure f = checkPages(base, bytes); !f.empty()) return f;
    for (const Window &w : windows)
        if (base < w.end() && w.base < base + bytes) return "a window overlaps another";
    return {};
}

Failure Engine::mapAs(u64 base, u64 bytes, void *host, u64 permissions) {
    if (Failure failure = checkRange(base, bytes); !failure.empty()) return failure;
    if (uc_err e = uc_mem_map_ptr(uc, base, bytes, UC_PROT_ALL, host)) return explain("mapping memory", e);
    windows.push_back({base, bytes, permissions, host});
    return {};
}

Failure Engine::mapMemory(u64 base, u64 bytes, void *host) { return mapAs(base, bytes, host, PMP_ALL); }
Failure Engine::mapTable(u64 base, u64 bytes, void *host) { return mapAs(base, bytes, host, PMP_READ); }

Failure Engine::mapDevice(u64 base, u64 bytes, uc_cb_mmio_read_t read, uc_cb_mmio_write_t write, void *user) {
    if (Failure failure = checkRange(base, bytes); !failure.empty()) return failure;
    if (uc_err e = uc_mmio_map(uc, base, bytes, read, user, write, user)) return explain("mapping a device window", e);
    windows.push_back({base, bytes, PMP_READ | PMP_WRITE, nullptr});
    return {};
}

Failure Engine::unmap(u64 base, u64 bytes) {
    auto w = std::find_if(windows.begin(), windows.end(), [&](const Window &c) { return c.base == base && c.bytes == bytes; });
    if (w == windows.end()) return "no such window is mapped";
    if (uc_err e = uc_mem_unmap(uc, base, bytes)) return explain("unmapping", e);
    windows.erase(w);
    return {};
}

Failure Engine::protect() {
    std::vector<Window> runs = windows;
    std::sort(runs.begin(), runs.end(), [](const Window &a, const Window &b) { return a.base < b.base; });
    size_t n = 0;
    for (const Window &w : runs) {
        if (n && runs[n - 1].end() == w.base && runs[n - 1].permissions == w.permissions) runs[n - 1].bytes += w.bytes;
        else runs[n++] = w;
    }
    runs.resize(n);
    if (n > MOST_RUNS) return "more than 8 separate runs of windows: place device windows side by side";
    /* the first entry that matches decides: the largest run first makes most checks one comparison */
    std::stable_sort(runs.begin(), runs.end(), [](const Window &a, const Window &b) { return a.bytes > b.bytes; });
    const std::vector<char> before(bytes(), bytes() + uc_context_size(uc));
    u64 config[2] = {};
    for (size_t i = 0; i < PMP_ENTRIES / 2; i++) { /* a pair of entries: where the run begins, and top of range */
        u64 permissions = i >= n ? 0 : 0x08 | runs[i].permissions;
        set(layout().gpr + 8 * (1 + 2 * i), i < n ? runs[i].base >> 2 : 0);
        set(layout().gpr + 8 * (2 + 2 * i), i < n ? runs[i].end() >> 2 : 0);
        config[i / 4] |= permissions << (8 * (2 * i % 8 + 1));
    }
    if (n == 0) config[0] = 0x08 << 8; /* an empty range: without any rule, everything would be allowed */
    setX(17, config[0]), setX(18, config[1]);
    set(layout().priv, MACHINE), set(layout().pc, Scratch::AT + Scratch::PROTECT);
    ownCode = true;
    uc_err error = resume();
    ownCode = false;
    save();
    const Layout &l = layout();
    auto back = [&](size_t at, size_t bytes) { memcpy(this->bytes() + at, before.data() + at, bytes); };
    back(l.gpr, 32 * 8), back(l.pc, 8), back(l.priv, 8);
    flushTlb();
    return error ? explain("programming the PMP", error) : Failure{};
}

Failure Engine::addHook(const char *what, int kind, void *callback, void *user) {
    uc_hook hook;
    if (uc_err e = uc_hook_add(uc, &hook, kind, callback, user, 1, 0)) return explain(what, e);
    hooks.push_back({kind, callback, user});
    return {};
}

Failure Engine::hookTraps(uc_cb_hookintr_t callback, void *user) { return addHook("hooking traps", UC_HOOK_INTR, reinterpret_cast<void *>(callback), user); }
Failure Engine::hookBlocks(uc_cb_hookcode_t callback, void *user) { return addHook("hooking blocks", UC_HOOK_BLOCK, reinterpret_cast<void *>(callback), user); }
Failure Engine::hookInstructions(uc_cb_hookcode_t callback, void *user) { return addHook("hooking instructions", UC_HOOK_CODE, reinterpret_cast<void *>(callback), user); }

Failure Engine::watchInstructions(uc_cb_hookcode_t callback, void *user, uc_hook *made) {
    uc_err e = uc_hook_add(uc, made, UC_HOOK_CODE, reinterpret_cast<void *>(callback), user, 1, 0);
    if (!e) watches++;
    return e ? explain("hooking instructions", e) : Failure{};
}

Failure Engine::watchInstructionAt(u64 address, uc_cb_hookcode_t callback, void *user, uc_hook *made) {
    uc_err e = uc_hook_add(uc, made, UC_HOOK_CODE, reinterpret_cast<void *>(callback), user, address, address);
    if (!e) watches++;
    return e ? explain("hooking an instruction", e) : Failure{};
}

Failure Engine::watchAccesses(u64 kinds, uc_cb_hookmem_t callback, void *user, uc_hook *made) {
    const int type = (kinds & LOADS ? UC_HOOK_MEM_READ : 0) | (kinds & STORES ? UC_HOOK_MEM_WRITE : 0);
    uc_err e = uc_hook_add(uc, made, type, reinterpret_cast<void *>(callback), user, 1, 0);
    if (!e) watches++;
    return e ? explain("hooking accesses", e) : Failure{};
}

/* The engine looks up what the hook has seen, by virtual addresses: in M mode no table of the guest's is walked for that. */
void Engine::unwatch(uc_hook hook) {
    watches--;
    const u64 privilege = enterMachineMode();
    uc_hook_del(uc, hook);
    leaveMachineMode(privilege);
}

u64 Engine::enterMachineMode() {
    if (running) save();
    u64 privilege = get(layout().priv);
    set(layout().priv, MACHINE);
    restore();
    parked = true;
    return privilege;
}

void Engine::leaveMachineMode(u64 privilege) {
    set(layout().priv, privilege);
    if (running) restore();
}

u64 Engine::readCsr(int reg) {
    u64 value = 0, privilege = enterMachineMode();
    uc_reg_read(uc, reg, &value);
    leaveMachineMode(privilege);
    return value;
}

void Engine::writeCsr(int reg, u64 value) {
    u64 privilege = enterMachineMode();
    uc_reg_write(uc, reg, &value);
    save();
    leaveMachineMode(privilege);
}

void Engine::invalidate(u64 base, u64 bytes) {
    /* the engine takes the range as virtual: in M mode that is physical */
    if (!parked) {
        u64 privilege = enterMachineMode();
        uc_ctl_remove_cache(uc, base, base + bytes);
        leaveMachineMode(privilege);
    } else {
        uc_ctl_remove_cache(uc, base, base + bytes);
    }
}

} // namespace bailiwick
