/* The file server's store on the machine's own processor, over a volume in memory: that it is built right for it, what it needs, how fast it is. */
#include <bailiwick.h>

#include "../../../servers/fs/store.h"

BW_USE(console);

enum { SECTORS = 8192, PAINTED = 40 << 10, FILES = 40 };
static uint8_t disk[SECTORS * VOLUME_SECTOR];
static _Alignas(16) uint8_t heap[STORE_LEAST_HEAP];
static uint8_t bytes[STORE_PIECE], back[STORE_PIECE];

static enum volume_result read_disk(void *context, uint64_t sector, uint32_t count, void *to) {
    (void)context;
    if (sector > SECTORS || count > SECTORS - sector) return VOLUME_FAILED;
    memcpy(to, disk + sector * VOLUME_SECTOR, (size_t)count * VOLUME_SECTOR);
    return VOLUME_OK;
}

static enum volume_result write_disk(void *context, uint64_t sector, uint32_t count, const void *from) {
    (void)context;
    if (sector > SECTORS || count > SECTORS - sector) return VOLUME_FAILED;
    memcpy(disk + sector * VOLUME_SECTOR, from, (size_t)count * VOLUME_SECTOR);
    return VOLUME_OK;
}

static enum volume_result flush_disk(void *context) {
    (void)context;
    return VOLUME_OK;
}

static const struct volume volume = {.sectors = SECTORS, .read = read_disk, .write = write_disk, .flush = flush_disk};

static uint32_t wrong;
static void expect(const char *what, bool right) {
    if (right) return;
    wrong++;
    bw_printf("wrong: %s\n", what);
}

static struct store_name name_of(uint32_t i) {
    static char name[8];
    name[0] = 'f';
    name[1] = (char)('0' + i / 10);
    name[2] = (char)('0' + i % 10);
    return (struct store_name){name, 3};
}

static void fill(uint32_t seed) {
    for (uint32_t i = 0; i < STORE_PIECE; i++) bytes[i] = (uint8_t)((i * 2654435761U + seed * 40503U) >> 13);
}

static uint64_t ids[FILES];

static __attribute__((noinline)) void write_all(void) {
    uint64_t directory = 0, offset;
    expect("directory", store_create(STORE_ROOT, (struct store_name){"d", 1}, STORE_DIRECTORY, &directory) == STORE_OK);
    for (uint32_t i = 0; i < FILES; i++) {
        fill(i);
        expect("create", store_create(directory, name_of(i), STORE_FILE, &ids[i]) == STORE_OK);
        expect("append", store_append(ids[i], bytes, 1000 + i * 700, &offset) == STORE_OK && offset == 0);
        if (i % 8 == 0) expect("sync", store_sync() == STORE_OK);
    }
    fill(99);
    expect("64 KiB", store_write(ids[0], 0, bytes, STORE_PIECE) == STORE_OK);
    expect("rename", store_rename(directory, name_of(0), STORE_ROOT, (struct store_name){"moved", 5}, STORE_KEEP) == STORE_OK);
    expect("remove", store_remove(directory, name_of(1)) == STORE_OK);
    expect("not empty", store_remove(STORE_ROOT, (struct store_name){"d", 1}) == STORE_NOT_EMPTY);
}

static __attribute__((noinline)) void read_all(void) {
    size_t done;
    struct store_status status;
    fill(99);
    expect("lookup", store_lookup(STORE_ROOT, (struct store_name){"moved", 5}, &status) == STORE_OK && status.id == ids[0] && status.size == STORE_PIECE);
    expect("the large file", store_read(ids[0], 0, back, STORE_PIECE, &done) == STORE_OK && done == STORE_PIECE && memcmp(bytes, back, done) == 0);
    expect("removed", store_stat(ids[1], &status) == STORE_NOT_FOUND);
    for (uint32_t i = 2; i < FILES; i++) {
        fill(i);
        expect("a file", store_read(ids[i], 0, back, STORE_PIECE, &done) == STORE_OK && done == 1000 + i * 700 && memcmp(bytes, back, done) == 0);
    }
}

static __attribute__((noinline)) void work(void) {
    char what[80];
    expect("nothing there", store_open(&volume, heap, sizeof heap) == STORE_NO_STORE);
    expect("format", store_format(&volume, heap, sizeof heap) == STORE_OK);
    expect("open", store_open(&volume, heap, sizeof heap) == STORE_OK);
    write_all();
    struct store_statistics s;
    store_statistics(&s);
    expect("close", store_close() == STORE_OK);
    expect("open again", store_open(&volume, heap, sizeof heap) == STORE_OK);
    read_all();
    expect("check", store_check(what, sizeof what) == STORE_OK);
    expect("close again", store_close() == STORE_OK);
    expect("heap", s.heap > 0 && s.heap <= STORE_LEAST_HEAP);
    bw_printf("heap %lu, ", s.heap);
}

/* Bytes of stack that `work` uses: those below it that are no longer as they were. */
static __attribute__((noinline)) void paint(volatile uint8_t *end) {
    for (uint32_t i = 512; i < PAINTED; i++) end[-(long)i] = 0xa5;
}

static uint32_t measure(const volatile uint8_t *end) {
    uint32_t used = PAINTED - 1;
    while (used > 0 && end[-(long)used] == 0xa5) used--;
    return used;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    volatile uint8_t *end = __builtin_frame_address(0);
    paint(end);
    work();
    bw_printf("stack %u, %u wrong\n", measure(end), wrong);
    return wrong == 0 ? 0 : 1;
}
