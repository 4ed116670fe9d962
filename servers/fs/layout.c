/* layout.c: the volume's header, made and checked. */
#include "layout.h"

#include <string.h>

enum { COPIES = 2, HEADER_SECTORS = 8, JOURNAL_LEAST = 2048, JOURNAL_MOST = 16384, JOURNAL_SHARE = 16, PAGE_SECTORS = 8 };
enum { VERSION = 1, BYTES = 64, SUM_AT = BYTES - 8 };
static const uint8_t MAGIC[16] = "Bailiwick store";

static void put(uint8_t *at, uint64_t value) {
    for (uint32_t i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at) {
    uint64_t value = 0;
    for (uint32_t i = 8; i-- > 0;) value = value << 8 | at[i];
    return value;
}

/* FNV-1a: against decay, not against malice; what a header says is checked all the same. */
static uint64_t sum_of(const uint8_t *bytes, size_t count) {
    uint64_t sum = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < count; i++) sum = (sum ^ bytes[i]) * 0x100000001b3ULL;
    return sum;
}

enum store_error layout_of(const struct volume *volume, struct layout *layout) {
    if (volume->sectors < STORE_LEAST_SECTORS) return STORE_BAD_REQUEST;
    uint64_t journal = volume->sectors / JOURNAL_SHARE / PAGE_SECTORS * PAGE_SECTORS;
    if (journal < JOURNAL_LEAST) journal = JOURNAL_LEAST;
    if (journal > JOURNAL_MOST) journal = JOURNAL_MOST;
    layout->journal = (struct region){.first = HEADER_SECTORS, .sectors = journal};
    const uint64_t first = HEADER_SECTORS + journal;
    layout->database = (struct region){.first = first, .sectors = (volume->sectors - first) / PAGE_SECTORS * PAGE_SECTORS};
    return STORE_OK;
}

static bool on_volume(const struct volume *volume, const struct region *region, uint64_t from) {
    return region->first >= from && region->first <= volume->sectors && region->sectors <= volume->sectors - region->first && region->sectors >= JOURNAL_LEAST;
}

/* The first page of the database and all its pages must be whole, the journal must hold what one operation changes. */
static bool fits(const struct volume *volume, const struct layout *layout) {
    if (!on_volume(volume, &layout->journal, HEADER_SECTORS) || layout->journal.sectors > JOURNAL_MOST) return false;
    return on_volume(volume, &layout->database, layout->journal.first + layout->journal.sectors) && layout->database.sectors % PAGE_SECTORS == 0;
}

enum store_error layout_read(const struct volume *volume, struct layout *layout) {
    uint8_t sector[VOLUME_SECTOR];
    enum store_error worst = STORE_NO_STORE;
    for (uint32_t copy = 0; copy < COPIES; copy++) {
        if (copy >= volume->sectors || volume->read(volume->context, copy, 1, sector) != VOLUME_OK) {
            worst = STORE_DEVICE;
            continue;
        }
        if (memcmp(sector, MAGIC, sizeof MAGIC) != 0) continue;
        layout->journal = (struct region){.first = get(sector + 24), .sectors = get(sector + 32)};
        layout->database = (struct region){.first = get(sector + 40), .sectors = get(sector + 48)};
        if (get(sector + SUM_AT) == sum_of(sector, SUM_AT) && get(sector + 16) == VERSION && fits(volume, layout)) return STORE_OK;
        if (worst == STORE_NO_STORE) worst = STORE_CORRUPT;
    }
    return worst;
}

static enum store_error write_copies(const struct volume *volume, const uint8_t *sector) {
    for (uint32_t copy = 0; copy < COPIES; copy++) {
        if (volume->write(volume->context, copy, 1, sector) != VOLUME_OK) return STORE_DEVICE;
    }
    return volume->flush(volume->context) == VOLUME_OK ? STORE_OK : STORE_DEVICE;
}

enum store_error layout_write(const struct volume *volume, const struct layout *layout) {
    uint8_t sector[VOLUME_SECTOR] = {0};
    memcpy(sector, MAGIC, sizeof MAGIC);
    put(sector + 16, VERSION);
    put(sector + 24, layout->journal.first);
    put(sector + 32, layout->journal.sectors);
    put(sector + 40, layout->database.first);
    put(sector + 48, layout->database.sectors);
    put(sector + SUM_AT, sum_of(sector, SUM_AT));
    return write_copies(volume, sector);
}

enum store_error layout_erase(const struct volume *volume) {
    static const uint8_t zeros[VOLUME_SECTOR];
    return write_copies(volume, zeros);
}
