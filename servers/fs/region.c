/* region.c: bytes anywhere in a region, as whole sectors. A sector of which only a part is written is read first. */
#include "region.h"

#include <string.h>

static const struct volume *volume;
static struct region_counts counts;

static bool read_sectors(uint64_t sector, uint32_t count, void *bytes) {
    counts.read += count;
    return volume->read(volume->context, sector, count, bytes) == VOLUME_OK;
}

static bool write_sectors(uint64_t sector, uint32_t count, const void *bytes) {
    /* SQLite would, to do away with a journal that is none. */
    if (volume->read_only) return false;
    counts.written += count;
    return volume->write(volume->context, sector, count, bytes) == VOLUME_OK;
}

/* How many bytes of a piece can go in one call: whole sectors, or a part of one. */
static uint32_t next_piece(uint64_t offset, uint64_t count) {
    const uint32_t within = (uint32_t)(offset % VOLUME_SECTOR);
    if (within != 0 || count < VOLUME_SECTOR) return (uint32_t)(count < VOLUME_SECTOR - within ? count : VOLUME_SECTOR - within);
    const uint64_t most = (uint64_t)VOLUME_MOST_SECTORS * VOLUME_SECTOR;
    return (uint32_t)(count < most ? count / VOLUME_SECTOR * VOLUME_SECTOR : most);
}

bool region_holds(const struct region *region, uint64_t offset, uint64_t count) {
    const uint64_t room = region->sectors * VOLUME_SECTOR;
    return offset <= room && count <= room - offset;
}

bool region_read(const struct region *region, uint64_t offset, void *to, uint64_t count) {
    uint8_t *bytes = to;
    while (count > 0) {
        uint8_t sector[VOLUME_SECTOR];
        const uint32_t piece = next_piece(offset, count);
        const uint64_t at = region->first + offset / VOLUME_SECTOR;
        if (piece % VOLUME_SECTOR == 0) {
            if (!read_sectors(at, piece / VOLUME_SECTOR, bytes)) return false;
        } else {
            if (!read_sectors(at, 1, sector)) return false;
            memcpy(bytes, sector + offset % VOLUME_SECTOR, piece);
        }
        bytes += piece;
        offset += piece;
        count -= piece;
    }
    return true;
}

bool region_write(const struct region *region, uint64_t offset, const void *from, uint64_t count) {
    const uint8_t *bytes = from;
    while (count > 0) {
        uint8_t sector[VOLUME_SECTOR];
        const uint32_t piece = next_piece(offset, count);
        const uint64_t at = region->first + offset / VOLUME_SECTOR;
        if (piece % VOLUME_SECTOR == 0) {
            if (!write_sectors(at, piece / VOLUME_SECTOR, bytes)) return false;
        } else {
            if (!read_sectors(at, 1, sector)) return false;
            memcpy(sector + offset % VOLUME_SECTOR, bytes, piece);
            if (!write_sectors(at, 1, sector)) return false;
        }
        bytes += piece;
        offset += piece;
        count -= piece;
    }
    return true;
}

bool region_flush(void) {
    counts.flushes++;
    return volume->flush(volume->context) == VOLUME_OK;
}

void region_use(const struct volume *on) { volume = on; }

const struct region_counts *region_counts(void) { return &counts; }
