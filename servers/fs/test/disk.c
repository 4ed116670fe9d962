/* disk.c: see disk.h. */
#include "disk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 1;

void seed_random(uint64_t seed) { random_state = (seed + 1) * 0xd1342543de82ef95ULL; }

uint64_t random_number(void) {
    random_state += 0x9e3779b97f4a7c15ULL;
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

uint64_t random_below(uint64_t limit) { return random_number() % limit; }

bool one_in(uint64_t n) { return random_below(n) == 0; }

_Noreturn void give_up(const char *format, ...) {
    va_list list;
    va_start(list, format);
    fflush(stdout);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    abort();
}

struct disk *disk_make(uint64_t sectors) {
    struct disk *disk = calloc(1, sizeof *disk);
    disk->bytes = calloc(sectors, VOLUME_SECTOR);
    disk->sectors = sectors;
    return disk;
}

void disk_forget_log(struct disk *disk) {
    for (size_t i = 0; i < disk->entries; i++) free(disk->log[i].bytes);
    disk->entries = 0;
}

void disk_free(struct disk *disk) {
    disk_forget_log(disk);
    free(disk->log);
    free(disk->bytes);
    free(disk);
}

static bool fails(struct disk *disk) {
    disk->calls++;
    return disk->fail_at != 0 && disk->calls >= disk->fail_at && disk->calls - disk->fail_at < disk->fail_count;
}

static void check_range(const struct disk *disk, uint64_t sector, uint32_t count) {
    EXPECT(count > 0 && count <= VOLUME_MOST_SECTORS && sector < disk->sectors && count <= disk->sectors - sector, "a call for what is not on the disk: %lu, %u", sector, count);
}

static void note(struct disk *disk, uint64_t sector, uint32_t count, const void *bytes) {
    if (!disk->is_logged) return;
    if (disk->entries == disk->room) disk->log = realloc(disk->log, (disk->room = disk->room * 2 + 256) * sizeof *disk->log);
    struct entry *entry = &disk->log[disk->entries++];
    *entry = (struct entry){.sector = sector, .count = count, .mark = disk->mark, .bytes = count == 0 ? NULL : malloc((size_t)count * VOLUME_SECTOR)};
    if (count > 0) memcpy(entry->bytes, bytes, (size_t)count * VOLUME_SECTOR);
}

static enum volume_result disk_read(void *context, uint64_t sector, uint32_t count, void *bytes) {
    struct disk *disk = context;
    check_range(disk, sector, count);
    if (fails(disk)) return VOLUME_FAILED;
    memcpy(bytes, disk->bytes + sector * VOLUME_SECTOR, (size_t)count * VOLUME_SECTOR);
    return VOLUME_OK;
}

static enum volume_result disk_write(void *context, uint64_t sector, uint32_t count, const void *bytes) {
    struct disk *disk = context;
    check_range(disk, sector, count);
    EXPECT(!disk->read_only, "a write to a disk that is read-only");
    /* What fails may have been done by a half. */
    const bool failed = fails(disk);
    memcpy(disk->bytes + sector * VOLUME_SECTOR, bytes, (size_t)(failed ? count / 2 : count) * VOLUME_SECTOR);
    if (failed) return VOLUME_FAILED;
    note(disk, sector, count, bytes);
    return VOLUME_OK;
}

static enum volume_result disk_flush(void *context) {
    struct disk *disk = context;
    if (fails(disk)) return VOLUME_FAILED;
    note(disk, 0, 0, NULL);
    return VOLUME_OK;
}

struct volume disk_volume(struct disk *disk) {
    return (struct volume){.context = disk, .sectors = disk->sectors, .read_only = disk->read_only, .read = disk_read, .write = disk_write, .flush = disk_flush};
}

void entry_apply(const struct entry *entry, uint8_t *bytes, bool (*keep)(void)) {
    for (uint32_t i = 0; i < entry->count; i++) {
        if (keep()) memcpy(bytes + (entry->sector + i) * VOLUME_SECTOR, entry->bytes + (size_t)i * VOLUME_SECTOR, VOLUME_SECTOR);
    }
}
