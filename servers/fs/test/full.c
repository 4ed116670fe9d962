/* full.c: a volume that is filled, by many writers, until nothing goes in; what is in stays whole, and what is removed gives its room back. */
#include <stdio.h>
#include <string.h>

#include "modes.h"

enum { FILES = 12 };
static uint8_t bytes[STORE_PIECE];

static struct store_name name_of(uint64_t i) {
    static char text[8];
    return (struct store_name){text, (size_t)snprintf(text, sizeof text, "f%lu", i)};
}

static uint64_t fill_up(const uint64_t *ids, uint64_t *sizes) {
    uint64_t total = 0;
    for (uint64_t refused = 0; refused < 40;) {
        const uint64_t i = random_below(FILES), count = refused > 20 ? 1 + random_below(50) : 1 + random_below(STORE_PIECE);
        uint64_t offset;
        memset(bytes, (int)i + 1, count);
        const enum store_error e = store_append(ids[i], bytes, count, &offset);
        EXPECT(e == STORE_OK || e == STORE_NO_SPACE, "append: %d", e);
        refused += e == STORE_NO_SPACE;
        if (e != STORE_OK) continue;
        EXPECT(offset == sizes[i], "appended at %lu, not %lu", offset, sizes[i]);
        sizes[i] += count;
        total += count;
        if (one_in(10)) EXPECT(store_sync() == STORE_OK, "sync on a full volume");
    }
    return total;
}

static void expect_whole(const uint64_t *ids, const uint64_t *sizes) {
    for (uint64_t i = 0; i < FILES; i++) {
        for (uint64_t at = 0; at < sizes[i]; at += STORE_PIECE) {
            size_t done;
            EXPECT(store_read(ids[i], at, bytes, STORE_PIECE, &done) == STORE_OK, "read");
            for (size_t b = 0; b < done; b++) EXPECT(bytes[b] == i + 1, "another byte in file %lu", i);
        }
    }
}

void run_full(uint64_t seed, uint64_t rounds) {
    seed_random(seed);
    struct disk *disk = formatted_disk(SMALL_DISK * 2);
    open_store(disk);
    uint64_t ids[FILES], sizes[FILES], first = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        memset(sizes, 0, sizeof sizes);
        for (uint64_t i = 0; i < FILES; i++) EXPECT(store_create(STORE_ROOT, name_of(i), STORE_FILE, &ids[i]) == STORE_OK, "create");
        const uint64_t total = fill_up(ids, sizes);
        if (round == 0) first = total;
        EXPECT(total >= first - first / 8, "the volume takes less each time: %lu, then %lu", first, total);
        expect_whole(ids, sizes);
        if (round % 3 == 0) expect_sound("when full");
        for (uint64_t i = 0; i < FILES; i++) EXPECT(store_remove(STORE_ROOT, name_of(i)) == STORE_OK, "a full volume does not let remove");
    }
    bool more = true;
    while (more) EXPECT(store_idle(&more) == STORE_OK, "idle");
    expect_sound("at the end");
    EXPECT(store_losses() == 0, "something was lost");
    EXPECT(store_close() == STORE_OK, "cannot close");
    disk_free(disk);
    printf("%lu bytes in %lu\n", first, (uint64_t)SMALL_DISK * 2 * VOLUME_SECTOR);
}
