/* region.h: bytes anywhere in a region of the volume. false: the volume failed; a part may have been done. */
#pragma once
#include "layout.h"

struct region_counts {
    /* Sectors. */
    uint64_t read, written;
    uint64_t flushes;
};

void region_use(const struct volume *volume);
bool region_holds(const struct region *region, uint64_t offset, uint64_t count);
bool region_read(const struct region *region, uint64_t offset, void *bytes, uint64_t count);
bool region_write(const struct region *region, uint64_t offset, const void *bytes, uint64_t count);
bool region_flush(void);
const struct region_counts *region_counts(void);
