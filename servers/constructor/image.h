/*
 * image.h: the program of a constructor: an ELF file in memory of this server's, from which each product maps its text and constants, and copies its data.
 *
 * Invariants
 *   I1  Every offset and length that is used comes from inside the file: the file is its builder's, and may say anything. What it says costs no more than some
 *       passes over it.
 *   I2  Once sealed, the file's frames are not mapped in this server any more, so they may be mapped executable (WX-1), and nobody can change them.
 *   I3  This server never touches memory that others pay for: that can be taken from under it at any time. What must be copied, the product copies itself (start.S).
 */
#pragma once
#include <bailiwick.h>

enum { PAGE = 4096, IMAGE_PAGES = 128, IMAGE_BYTES = IMAGE_PAGES * PAGE, MOST_SEGMENTS = 8, MOST_DATA_PAGES = 14, MOST_USES = 64 };

struct segment {
    uint64_t address, bytes, offset, file_bytes;
    /* ELF's p_flags. */
    uint32_t flags;
};
enum { SEGMENT_EXECUTE = 1, SEGMENT_WRITE = 2, SEGMENT_READ = 4 };

struct image {
    const uint8_t *file;
    uint64_t bytes;
    uint64_t entry;
    uint32_t segments_used;
    struct segment segments[MOST_SEGMENTS];
    /* The first instruction that reads a clock; 0: there is none. */
    uint64_t clock;
};

/* Where a use of this name is; 0: there is none. */
typedef bw_cptr image_find(const void *of, const char *name);

/* Reads the file and writes its uses into it. NULL, or why it is no program for a constructor. */
const char *image_read(struct image *image, uint8_t *file, uint64_t bytes, image_find *find, const void *of);
static inline uint64_t image_pages(const struct segment *s) { return (s->address % PAGE + s->bytes + PAGE - 1) / PAGE; }
