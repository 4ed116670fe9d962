/* disk.h: a disk in memory that can fail, be filled by a stranger, and tell all that was written to it, so that its end at any moment can be tried. */
#pragma once
#include <stddef.h>

#include "../volume.h"

/* A write, or a flush (count 0). */
struct entry {
    uint64_t sector;
    uint32_t count;
    /* What the test was at when it came. */
    uint32_t mark;
    uint8_t *bytes;
};

struct disk {
    uint8_t *bytes;
    uint64_t sectors;
    bool read_only;
    /* Calls so far; that many of them, from the one numbered fail_at on, fail. */
    uint64_t calls, fail_at, fail_count;
    bool is_logged;
    uint32_t mark;
    struct entry *log;
    size_t entries, room;
};

struct disk *disk_make(uint64_t sectors);
void disk_free(struct disk *disk);
void disk_forget_log(struct disk *disk);
struct volume disk_volume(struct disk *disk);
/* Does to `bytes` what a write of the log did, of its sectors only those that `keep` says. */
void entry_apply(const struct entry *entry, uint8_t *bytes, bool (*keep)(void));

/* Numbers from a seed. */
void seed_random(uint64_t seed);
uint64_t random_number(void);
uint64_t random_below(uint64_t limit);
bool one_in(uint64_t n);
/* Says what is wrong and ends the program. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define EXPECT(condition, ...) ((condition) ? (void)0 : give_up(__VA_ARGS__))
