/* hostile.c: a volume that somebody has changed. Whatever is on it, operations end, in time, with an answer; what they answer is only looked at for sense. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "modes.h"

static uint64_t corrupt, opened, slowest;

static uint64_t now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void note(enum store_error e) {
    EXPECT(e <= STORE_NO_MEMORY, "an answer that is none: %d", e);
    corrupt += e == STORE_CORRUPT;
}

/* The regions' first sectors, with what makes a difference, are taken more often. */
static uint64_t draw_sector(const struct disk *disk) {
    static const uint64_t database = 8 + 2048;
    if (one_in(8)) return random_below(9);
    return one_in(3) ? database + random_below(8) : one_in(8) ? random_below(disk->sectors) : database + random_below(300);
}

static void spoil(struct disk *disk) {
    for (uint64_t n = 1 + random_below(one_in(3) ? 40 : 4); n > 0; n--) {
        uint8_t *sector = disk->bytes + draw_sector(disk) * VOLUME_SECTOR;
        switch (random_below(6)) {
            case 0: sector[random_below(VOLUME_SECTOR)] ^= (uint8_t)(1 << random_below(8)); break;
            case 1: sector[random_below(VOLUME_SECTOR)] = (uint8_t)random_number(); break;
            case 2: memset(sector, (int)random_number(), VOLUME_SECTOR); break;
            case 3: for (uint32_t i = 0; i < VOLUME_SECTOR; i++) sector[i] = (uint8_t)random_number(); break;
            case 4: memmove(sector, disk->bytes + draw_sector(disk) * VOLUME_SECTOR, VOLUME_SECTOR); break;
            default: {
                /* A number of two or four bytes near an edge: page numbers, offsets, counts. */
                static const uint8_t edges[] = {0, 1, 2, 0x7f, 0x80, 0xff};
                uint8_t *at = sector + random_below(VOLUME_SECTOR - 4);
                for (uint64_t i = 0; i < (one_in(2) ? 2 : 4); i++) at[i] = edges[random_below(6)];
            }
        }
    }
}

static void use(const struct model *model) {
    char what[100];
    static uint8_t bytes[STORE_PIECE];
    for (int i = 0; i < 25; i++) {
        struct step s = draw_step(model);
        uint64_t created, offset;
        size_t done;
        struct store_status status;
        /* Reads and appends compare with the model, which this store has left. */
        if (s.operation == READ) note(store_read(s.id, s.offset, bytes, s.count, &done));
        else if (s.operation == STAT) note(store_stat(s.id, &status));
        else if (s.operation == APPEND) note(store_append(s.id, bytes, s.count <= STORE_PIECE ? s.count : 0, &offset));
        else note(store_step(model, &s, &created));
    }
    enum store_error e;
    (void)store_digest(&e);
    note(e);
    note(store_check(what, sizeof what));
    bool more = true;
    for (int i = 0; i < 5 && more; i++) note(store_idle(&more));
}

void run_hostile(uint64_t seed, uint64_t rounds) {
    seed_random(seed);
    struct disk *sound = formatted_disk(SMALL_DISK), *disk = disk_make(SMALL_DISK);
    struct model start;
    model_init(&start);
    struct model *model = model_copy(&start);
    open_store(sound);
    for (int i = 0; i < 150; i++) take_step(model);
    EXPECT(store_close() == STORE_OK, "cannot close");
    for (uint64_t round = 0; round < rounds; round++) {
        memcpy(disk->bytes, sound->bytes, SMALL_DISK * VOLUME_SECTOR);
        disk->sectors = one_in(12) ? random_below(SMALL_DISK) : SMALL_DISK;
        disk->read_only = one_in(10);
        if (disk->sectors == SMALL_DISK) spoil(disk);
        const struct volume volume = disk_volume(disk);
        const uint64_t began = now();
        const enum store_error e = store_open(&volume, heap, sizeof heap);
        note(e);
        if (e == STORE_OK) {
            opened++;
            use(model);
            note(store_close());
        }
        if (now() - began > slowest) slowest = now() - began;
    }
    printf("%lu volumes, %lu of them opened, %lu times CORRUPT, slowest %lu ms\n", rounds, opened, corrupt, slowest);
    EXPECT(slowest < 10000, "a volume holds the store up for %lu ms", slowest);
    model_free(model);
    disk->sectors = SMALL_DISK;
    disk_free(disk);
    disk_free(sound);
}
