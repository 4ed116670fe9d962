/* Images of RAM: ram_image.h says what holds. */
#include "ram_image.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

namespace bailiwick {

namespace {

constexpr char MAGIC[8] = {'B', 'W', 'R', 'A', 'M', 0, 0, 1};
constexpr u64 MOST_BYTES = 1ull << 40;
constexpr size_t RUN = 256; /* pages written at once */
constexpr size_t PIECE = 32; /* pages read at once: what was read is summed while it is near the CPU */
constexpr unsigned MOST_READERS = 4;
/* Of an entry of pagemap. Source: Linux Documentation/admin-guide/mm/pagemap.rst */
constexpr u64 PRESENT = 1ull << 63, SWAPPED = 1ull << 62, OF_FILE = 1ull << 61;

u64 roundUp(u64 value) { return (value + PAGE - 1) / PAGE * PAGE; }
u64 headBytes(u64 pages) { return sizeof(RamImage::Header) + (pages + 7) / 8 + (pages + RamImage::CHUNK - 1) / RamImage::CHUNK * sizeof(u32); }
size_t sumsAt(u64 pages) { return sizeof(RamImage::Header) + (pages + 7) / 8; }

/* Errno, or 0. */
int readAll(int file, void *into, size_t bytes, u64 at) {
    for (auto *p = static_cast<char *>(into); bytes > 0;) {
        const ssize_t got = pread(file, p, bytes, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 ? errno : ENODATA;
        p += got, at += static_cast<u64>(got), bytes -= static_cast<size_t>(got);
    }
    return 0;
}

int writeAll(int file, const void *from, size_t bytes, u64 at) {
    for (auto *p = static_cast<const char *>(from); bytes > 0;) {
        const ssize_t done = pwrite(file, p, bytes, static_cast<off_t>(at));
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno;
        p += done, at += static_cast<u64>(done), bytes -= static_cast<size_t>(done);
    }
    return 0;
}

bool isZero(const unsigned char *page) {
    u64 first;
    memcpy(&first, page, sizeof first);
    return first == 0 && memcmp(page, page + sizeof first, PAGE - sizeof first) == 0;
}

Failure damaged(const char *what) { return std::string("it is damaged: ") + what; }

u32 byTable(u32 sum, const unsigned char *bytes, size_t length) {
    static const std::array<u32, 256> table = [] {
        std::array<u32, 256> t{};
        for (u32 i = 0; i < 256; i++) {
            u32 c = i;
            for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
            t[i] = c;
        }
        return t;
    }();
    for (; length > 0; length--) sum = table[(sum ^ *bytes++) & 255] ^ sum >> 8;
    return sum;
}

#if defined(__x86_64__)
/* A page in three lanes, since each step waits for the one before: the lanes are joined by what a lane of zeros would make of the sum. */
constexpr size_t LANE = 1360;
__attribute__((target("sse4.2"))) u32 byInstruction(u32 sum, const unsigned char *bytes, size_t length) {
    static const auto shift = [] { /* what LANE bytes of zeros make of each byte of a sum, by its place */
        std::array<std::array<u32, 256>, 4> t{};
        const std::vector<unsigned char> zeros(LANE);
        for (u32 place = 0; place < 4; place++)
            for (u32 value = 0; value < 256; value++) t[place][value] = byTable(value << (8 * place), zeros.data(), LANE);
        return t;
    }();
    const auto moved = [&](u64 s) { return shift[0][s & 255] ^ shift[1][s >> 8 & 255] ^ shift[2][s >> 16 & 255] ^ shift[3][s >> 24 & 255]; };
    const auto word = [](const unsigned char *at) {
        u64 value;
        memcpy(&value, at, sizeof value);
        return value;
    };
    u64 a = sum;
    for (; length >= 3 * LANE; bytes += 3 * LANE, length -= 3 * LANE) {
        u64 b = 0, c = 0;
        for (size_t i = 0; i < LANE; i += 8) a = __builtin_ia32_crc32di(a, word(bytes + i)), b = __builtin_ia32_crc32di(b, word(bytes + LANE + i)), c = __builtin_ia32_crc32di(c, word(bytes + 2 * LANE + i));
        a = moved(moved(a) ^ b) ^ c;
    }
    for (; length >= 8; bytes += 8, length -= 8) a = __builtin_ia32_crc32di(a, word(bytes));
    for (; length > 0; length--) a = __builtin_ia32_crc32qi(static_cast<u32>(a), *bytes++);
    return static_cast<u32>(a);
}
#endif

/* In the forked process: only calls that a signal handler could make. All memory was taken before. Errno, or 0. */
int writeImage(RamImage &image, const unsigned char *ram, int file, bool backed, std::vector<u64> &map) {
    auto &header = *reinterpret_cast<RamImage::Header *>(image.head.data());
    unsigned char *const bits = image.head.data() + sizeof header;
    auto *const sums = image.head.data() + sumsAt(header.bytes / PAGE);
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pagemap < 0) return errno;
    const u64 pages = header.bytes / PAGE;
    u32 sum = 0;
    for (u64 from = 0; from < pages; from += RUN) {
        const u64 until = std::min<u64>(from + RUN, pages);
        if (int e = readAll(pagemap, map.data(), (until - from) * sizeof(u64), (reinterpret_cast<u64>(ram) / PAGE + from) * sizeof(u64))) return e;
        u64 first = until; /* of the pages that are written next */
        for (u64 page = from; page <= until; page++) {
            bool wanted = false;
            if (page < until) {
                const u64 entry = map[page - from], own = entry & (PRESENT | SWAPPED);
                wanted = header.changes ? own && !(entry & OF_FILE) : (own || backed) && !isZero(ram + page * PAGE);
            }
            if (wanted) {
                if (first == until) first = page;
                bits[page / 8] |= static_cast<unsigned char>(1 << page % 8), header.pages++;
                sum = crc32c(sum, ram + page * PAGE, PAGE);
            } else if (first < page && first < until) {
                if (int e = writeAll(file, ram + first * PAGE, (page - first) * PAGE, header.data + first * PAGE)) return e;
                first = until;
            }
        }
        static_assert(RUN == RamImage::CHUNK);
        memcpy(sums + from / RUN * sizeof sum, &sum, sizeof sum);
        sum = 0;
    }
    if (ftruncate(file, static_cast<off_t>(header.data + header.bytes))) return errno;
    header.sum = crc32c(0, image.head.data(), image.head.size());
    return writeAll(file, image.head.data(), image.head.size(), 0);
}

} // namespace

u32 crc32c(u32 sum, const unsigned char *bytes, size_t length) {
#if defined(__x86_64__)
    static const bool has = __builtin_cpu_supports("sse4.2");
    if (has) return ~byInstruction(~sum, bytes, length);
#endif
    return ~byTable(~sum, bytes, length);
}

u32 RamImage::sum(u64 chunk) const {
    u32 value;
    memcpy(&value, head.data() + sumsAt(header().bytes / PAGE) + chunk * sizeof value, sizeof value);
    return value;
}

RamImage RamImage::blank(u64 bytes, bool changes) {
    RamImage image;
    image.head.resize(headBytes(bytes / PAGE));
    Header header{};
    memcpy(header.magic, MAGIC, sizeof MAGIC);
    header.bytes = bytes, header.data = roundUp(image.head.size()), header.changes = changes;
    memcpy(image.head.data(), &header, sizeof header);
    return image;
}

Failure RamImage::read(int file) {
    struct stat about {};
    if (fstat(file, &about)) return strerror(errno);
    Header found{};
    if (readAll(file, &found, sizeof found, 0)) return damaged("it has no header");
    if (memcmp(found.magic, MAGIC, sizeof MAGIC - 1)) return damaged("it does not begin as an image of memory does, or was not written to its end");
    if (found.magic[7] != MAGIC[7]) return "it has another format than this version reads";
    if (found.bytes == 0 || found.bytes % PAGE || found.bytes > MOST_BYTES || found.changes > 1) return damaged("its header says what cannot be");
    const u64 pages = found.bytes / PAGE;
    if (found.data != roundUp(headBytes(pages))) return damaged("its header says what cannot be");
    if (static_cast<u64>(about.st_size) != found.data + found.bytes) return damaged("its length is not what its header says: it was cut off, or something was appended");
    head.resize(headBytes(pages));
    if (readAll(file, head.data(), head.size(), 0)) return damaged("its header cannot be read");
    reinterpret_cast<Header *>(head.data())->sum = 0;
    if (crc32c(0, head.data(), head.size()) != found.sum) return damaged("its header does not have the sum that it had");
    return {};
}

/* Errno, or 0; `found`: of the pages of this chunk that are here. */
int RamImage::sumOf(int file, u64 chunk, unsigned char *run, u32 &found) const {
    const u64 end = std::min((chunk + 1) * CHUNK, header().bytes / PAGE);
    found = 0;
    for (u64 page = chunk * CHUNK; page < end;) {
        u64 until = page;
        while (until < end && until - page < PIECE && holds(until)) until++;
        if (until == page) {
            page++;
            continue;
        }
        if (int e = readAll(file, run, (until - page) * PAGE, header().data + page * PAGE)) return e;
        found = crc32c(found, run, (until - page) * PAGE);
        page = until;
    }
    return 0;
}

Failure RamImage::verify(int file) const {
    const u64 chunks = (header().bytes / PAGE + CHUNK - 1) / CHUNK;
    std::atomic<u64> next{0}, bad{chunks};
    std::atomic<bool> unread{false};
    auto work = [&] {
        unsigned char run[PIECE * PAGE];
        for (u64 chunk; (chunk = next++) < chunks;) {
            u32 found;
            const bool failed = sumOf(file, chunk, run, found) != 0;
            if (!failed && found == sum(chunk)) continue;
            if (failed) unread = true;
            for (u64 first = bad; chunk < first && !bad.compare_exchange_weak(first, chunk);) {}
        }
    };
    std::vector<pthread_t> others;
    for (pthread_t other; others.size() + 1 < std::clamp(std::thread::hardware_concurrency(), 1u, MOST_READERS); others.push_back(other)) {
        const auto run = [](void *it) -> void * { return (*static_cast<decltype(work) *>(it))(), nullptr; };
        if (pthread_create(&other, nullptr, run, &work)) break; /* no more threads to be had: those that are there do it */
    }
    work();
    for (pthread_t each : others) pthread_join(each, nullptr);
    if (unread) return damaged("a part of it cannot be read");
    if (bad < chunks) return damaged(("the memory from " + std::to_string(bad * CHUNK * PAGE >> 20) + " MiB on does not have the sum that it had").c_str());
    return {};
}

Failure RamImage::place(int file, u64 from, unsigned char *ram, u64 bytes) const {
    if (from > header().bytes || bytes > header().bytes - from) return "it is of " + std::to_string(header().bytes) + " bytes of memory: too few";
    if (!header().changes) {
        void *at = mmap(ram, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, static_cast<off_t>(header().data + from));
        return at == MAP_FAILED ? Failure("mapping it: ") + strerror(errno) : Failure{};
    }
    const u64 until = (from + bytes) / PAGE;
    for (u64 page = from / PAGE; page < until;) {
        u64 end = page;
        while (end < until && holds(end)) end++;
        if (end == page) {
            page++;
            continue;
        }
        if (int e = readAll(file, ram + page * PAGE - from, (end - page) * PAGE, header().data + page * PAGE)) return Failure("reading it: ") + strerror(e);
        page = end;
    }
    return {};
}

pid_t RamImage::save(const unsigned char *ram, u64 bytes, int file, bool backed, bool changes) {
    RamImage image = blank(bytes, changes);
    std::vector<u64> map(RUN);
    crc32c(0, nullptr, 0); /* its tables are made here */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* for good in the other process: what interrupts this one must not cut that one short */
    const pid_t child = fork();
    if (child == 0) {
        setpriority(PRIO_PROCESS, 0, 10);
        _exit(writeImage(image, ram, file, backed, map));
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return child;
}

RamUse ramUse(const unsigned char *ram, u64 bytes) {
    RamUse use;
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    std::vector<u64> map(bytes / PAGE);
    if (pagemap < 0) return use;
    const int failed = readAll(pagemap, map.data(), map.size() * sizeof(u64), reinterpret_cast<u64>(ram) / PAGE * sizeof(u64));
    close(pagemap);
    if (failed) return use;
    for (u64 entry : map) {
        if (entry & OF_FILE) use.shared++;
        else if (entry & (PRESENT | SWAPPED)) use.own++;
    }
    return use;
}

} // namespace bailiwick
