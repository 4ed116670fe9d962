/* numbers.c: what things cost; for README.md. */
#include <stdio.h>
#include <string.h>

#include "modes.h"

static uint8_t bytes[STORE_PIECE];

static void measure(const char *what, struct disk *disk, size_t piece, uint64_t count, bool sync_each) {
    struct store_statistics before, after;
    uint64_t id, offset;
    const enum store_error e = store_create(STORE_ROOT, (struct store_name){what, strlen(what)}, STORE_FILE, &id);
    EXPECT(e == STORE_OK, "create: %d", e);
    (void)store_sync();
    store_statistics(&before);
    const uint64_t calls = disk->calls;
    for (uint64_t i = 0; i < count; i++) {
        EXPECT(store_append(id, bytes, piece, &offset) == STORE_OK, "append");
        if (sync_each) EXPECT(store_sync() == STORE_OK, "sync");
    }
    (void)store_sync();
    store_statistics(&after);
    const double total = (double)(piece * count);
    printf("%s: %.1f bytes written and %.1f read for each, %.1f flushes and %.1f calls an append\n", what, (double)(after.sectors_written - before.sectors_written) * VOLUME_SECTOR / total,
           (double)(after.sectors_read - before.sectors_read) * VOLUME_SECTOR / total, (double)(after.flushes - before.flushes) / (double)count, (double)(disk->calls - calls) / (double)count);
}

/* Much in one volume: what the check of it needs, and the freeing. */
static void fill_and_check(struct disk *disk, uint64_t files) {
    uint64_t directory, id, offset;
    const uint64_t before = disk->calls;
    EXPECT(store_create(STORE_ROOT, (struct store_name){"many", 4}, STORE_DIRECTORY, &directory) == STORE_OK, "create");
    for (uint64_t i = 0; i < files; i++) {
        char name[24];
        const size_t length = (size_t)snprintf(name, sizeof name, "file %lu", i * 7919 % files);
        EXPECT(store_create(directory, (struct store_name){name, length}, STORE_FILE, &id) == STORE_OK, "create");
        EXPECT(store_append(id, bytes, 200, &offset) == STORE_OK, "append");
    }
    EXPECT(store_create(directory, (struct store_name){"large", 5}, STORE_FILE, &id) == STORE_OK, "create");
    while (store_append(id, bytes, STORE_PIECE, &offset) == STORE_OK) continue;
    EXPECT(store_sync() == STORE_OK, "sync");
    printf("%lu files and %lu bytes: %lu calls; ", files, offset, disk->calls - before);
    expect_sound("with much in it");
    EXPECT(store_remove(directory, (struct store_name){"large", 5}) == STORE_OK, "remove");
    uint64_t pieces = 0;
    for (bool more = true; more; pieces++) EXPECT(store_idle(&more) == STORE_OK, "idle");
    struct store_space space;
    EXPECT(store_space(&space) == STORE_OK, "space");
    printf("freed in %lu pieces, %lu of %lu are free\n", pieces, space.free, space.total);
}

void run_numbers(uint64_t seed, uint64_t rounds) {
    seed_random(seed);
    struct disk *disk = formatted_disk((1U << 20));
    open_store(disk);
    measure("64 bytes synced", disk, 64, rounds, true);
    measure("4 KiB synced", disk, 4096, rounds, true);
    measure("64 KiB synced", disk, STORE_PIECE, rounds, true);
    measure("64 bytes", disk, 64, rounds * 10, false);
    measure("4 KiB", disk, 4096, rounds * 10, false);
    fill_and_check(disk, rounds * 100);
    struct store_statistics s;
    store_statistics(&s);
    printf("heap: %lu bytes at most\n", s.heap);
    EXPECT(store_close() == STORE_OK, "cannot close");
    disk_free(disk);
}
