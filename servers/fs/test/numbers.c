/* numbers.c: what things cost; for README.md. */
#include <stdio.h>
#include <string.h>

#include "modes.h"

static uint8_t bytes[STORE_PIECE];

static void measure(const char *what, struct disk *disk, size_t piece, uint64_t count, bool sync_each) {
    struct store_statistics before, after;
    uint64_t id, offset;
    EXPECT(store_create(STORE_ROOT, (struct store_name){what, strlen(what)}, STORE_FILE, &id) == STORE_OK, "create");
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

void run_numbers(uint64_t seed, uint64_t rounds) {
    seed_random(seed);
    struct disk *disk = formatted_disk(SMALL_DISK * 16);
    open_store(disk);
    measure("64 bytes synced", disk, 64, rounds, true);
    measure("4 KiB synced", disk, 4096, rounds, true);
    measure("64 KiB synced", disk, STORE_PIECE, rounds, true);
    measure("64 bytes", disk, 64, rounds * 10, false);
    measure("4 KiB", disk, 4096, rounds * 10, false);
    struct store_statistics s;
    store_statistics(&s);
    printf("heap: %lu bytes at most\n", s.heap);
    EXPECT(store_close() == STORE_OK, "cannot close");
    disk_free(disk);
}
