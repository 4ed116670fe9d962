/* RAM as a file, and a file as RAM: what snapshots of guests are made of.
 *
 * An image holds the pages of a range of RAM that are not zero (or, of a range that stands on an image already, those that were changed since). Whoever has it placed gets them back: a whole
 * image as a private mapping of the file, so that a page is read when it is touched and is shared with all others who placed it until it is written; an image of changes by reading it.
 *
 *   IMAGE-1  What is saved is the range as it was when save() was called, whatever is written meanwhile: a forked process writes it down.
 *   IMAGE-2  The header is written last: a file that was not written to its end is no image.
 *   IMAGE-3  Nothing of a file is placed before its header holds: every size and place in it is checked against the file's length, and against the header's own sum.
 *
 * Layout, little endian: Header; a bit for each page (1: it is here); a CRC-32C for each CHUNK of pages, of those that are here; from a multiple of a page on all pages of the range, each
 * at its place, those that are not here as holes.
 */
#pragma once
#include <sys/types.h>
#include "engine.h"

namespace bailiwick {

struct RamImage {
    struct Header {
        char magic[8];
        u64 bytes;         /* of the range */
        u64 data;          /* where its pages begin */
        u64 pages;         /* that are here */
        uint32_t changes;  /* 1: only what was changed */
        uint32_t sum;      /* of all before the pages, with 0 in its place */
    };
    static constexpr u64 CHUNK = 256; /* pages of one sum */

    std::vector<unsigned char> head; /* Header, bits, sums */
    const Header &header() const { return *reinterpret_cast<const Header *>(head.data()); }
    bool holds(u64 page) const { return head[sizeof(Header) + page / 8] >> page % 8 & 1; }
    u32 sum(u64 chunk) const;

    /* For a range of so many bytes, with nothing in it. */
    static RamImage blank(u64 bytes, bool changes);
    Failure read(int file);
    /* Reads all pages, on as many CPUs as there are. */
    Failure verify(int file) const;
    /* `bytes` of RAM become what the image has from `from` on; of an image of changes, as far as it has it. */
    Failure place(int file, u64 from, unsigned char *ram, u64 bytes) const;

    /* A process that writes the image of this memory, as it is now, and ends with 0 or an errno; -1: there is none. `backed`: it was placed from an image. */
    static pid_t save(const unsigned char *ram, u64 bytes, int file, bool backed, bool changes);

  private:
    int sumOf(int file, u64 chunk, unsigned char *run, u32 &found) const;
};

/* Pages of this memory that the process has for itself, and those that it shares with the file of an image. */
struct RamUse {
    u64 own = 0, shared = 0;
};
RamUse ramUse(const unsigned char *ram, u64 bytes);

u32 crc32c(u32 sum, const unsigned char *bytes, size_t length);

} // namespace bailiwick
