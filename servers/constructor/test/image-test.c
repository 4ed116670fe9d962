/*
 * image-test.c: reads ELF files from standard input, each behind its length (4 bytes, little-endian), with image.c, and says a line of each: what is wrong with it, or
 * `good`, its entry, its clock. The file is in memory of its own pages, so that the address sanitizer sees every access beyond them (I1). What image.h promises is looked
 * at here, in another way than image.c does it; the program ends with what does not hold.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../image.h"

enum { SLOT = 77 };
/* A program has this use, and no other. */
static const char use[] = "bank";

static bw_cptr find(const void *of, const char *name) {
    (void)of;
    return strcmp(name, use) == 0 ? SLOT : 0;
}

static void must(bool holds, const char *what) {
    if (holds) return;
    fflush(stdout);
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

static uint64_t end_of(const struct segment *s) { return s->address + s->bytes; }

static void look_at_segments(const struct image *image) {
    bool entry = false;
    uint64_t data_pages = 0;
    must(image->segments_used >= 1 && image->segments_used <= MOST_SEGMENTS, "there are segments");
    for (uint32_t i = 0; i < image->segments_used; i++) {
        const struct segment *s = &image->segments[i];
        const bool writes = (s->flags & SEGMENT_WRITE) != 0, executes = (s->flags & SEGMENT_EXECUTE) != 0;
        must(s->offset <= image->bytes && s->file_bytes <= image->bytes && s->offset + s->file_bytes <= image->bytes, "a segment is in the file");
        must(s->bytes > 0 && s->file_bytes <= s->bytes, "a segment has less in the file than in memory");
        must(s->address >= BW_ADDRESS_TEXT && s->bytes < BW_ADDRESS_STACK_TOP && end_of(s) <= BW_ADDRESS_STACK_TOP - (2UL << 20), "a segment is among the addresses of programs");
        must(!(writes && executes), "no segment is writable and executable");
        must(writes || (s->file_bytes == s->bytes && s->offset % PAGE == s->address % PAGE), "what is not written is mapped from the file");
        if (writes && s->file_bytes > 0) data_pages += (s->offset % PAGE + s->file_bytes + PAGE - 1) / PAGE;
        if (executes && image->entry >= s->address && image->entry < end_of(s)) entry = true;
        for (uint32_t j = 0; j < i; j++) {
            const struct segment *o = &image->segments[j];
            must(s->address / PAGE > (end_of(o) - 1) / PAGE || o->address / PAGE > (end_of(s) - 1) / PAGE, "no page is two segments'");
        }
    }
    must(entry && image->entry % 2 == 0, "the entry is in executable memory");
    must(data_pages <= MOST_DATA_PAGES, "the initialised data has room");
}

/* A byte of executable memory, by its address; -1: there is none. */
static int executable_byte(const struct image *image, uint64_t address) {
    for (uint32_t i = 0; i < image->segments_used; i++) {
        const struct segment *s = &image->segments[i];
        const uint64_t first = s->address / PAGE * PAGE, end = (end_of(s) + PAGE - 1) / PAGE * PAGE;
        if ((s->flags & SEGMENT_EXECUTE) != 0 && address >= first && address < end) return image->file[s->offset / PAGE * PAGE + (address - first)];
    }
    return -1;
}

static bool reads_clock(const struct image *image, uint64_t address) {
    uint32_t word = 0;
    for (uint32_t i = 0; i < 4; i++) {
        const int byte = executable_byte(image, address + i);
        if (byte < 0) return false;
        word |= (uint32_t)byte << (8 * i);
    }
    const uint32_t kind = word >> 12 & 7, csr = word >> 20;
    return (word & 0x7f) == 0x73 && kind != 0 && kind != 4 && ((csr >= 0xc00 && csr <= 0xc1f) || (csr >= 0xc80 && csr <= 0xc9f));
}

/* Every address at which an instruction of a product can begin, whichever segments it lies in. */
static void look_for_clocks(const struct image *image) {
    if (image->clock != 0) must(executable_byte(image, image->clock + 3) >= 0 && executable_byte(image, image->clock) >= 0, "the clock is in executable memory");
    if (image->clock != 0) return;
    for (uint32_t i = 0; i < image->segments_used; i++) {
        const struct segment *s = &image->segments[i];
        if ((s->flags & SEGMENT_EXECUTE) == 0) continue;
        for (uint64_t at = s->address / PAGE * PAGE; at < (end_of(s) + PAGE - 1) / PAGE * PAGE; at += 2) must(!reads_clock(image, at), "no clock is overlooked");
    }
}

/* Nothing of the file is written to but the slots of its uses: each is 8 bytes that hold SLOT now, behind a name. */
static void look_at_changes(const uint8_t *before, const uint8_t *after, uint64_t bytes) {
    uint32_t changed = 0;
    for (uint64_t at = 0; at < bytes; at += 8) {
        if (memcmp(&before[at], &after[at], 8) == 0) continue;
        uint64_t slot = 0;
        memcpy(&slot, &after[at], sizeof slot);
        changed++;
        must(slot == SLOT && at >= BW_USE_NAME_BYTES && memcmp(&after[at - BW_USE_NAME_BYTES], use, sizeof use) == 0, "only slots of uses are written");
    }
    must(changed <= MOST_USES, "so many uses");
}

int main(void) {
    static uint8_t given[IMAGE_BYTES];
    uint32_t bytes = 0;
    while (fread(&bytes, sizeof bytes, 1, stdin) == 1) {
        if (bytes < 1 || bytes > IMAGE_BYTES || fread(given, 1, bytes, stdin) != bytes) return 2;
        const size_t pages = (bytes + PAGE - 1) / PAGE * PAGE;
        memset(&given[bytes], 0, pages - bytes);
        uint8_t *file = aligned_alloc(PAGE, pages);
        if (file == NULL) return 2;
        memcpy(file, given, pages);
        struct image image;
        const char *wrong = image_read(&image, file, bytes, find, NULL);
        look_at_changes(given, file, pages);
        if (wrong == NULL) {
            look_at_segments(&image);
            look_for_clocks(&image);
            printf("good %" PRIx64 " %" PRIx64 "\n", image.entry, image.clock);
        } else {
            must(strlen(wrong) < 100, "the sentence is short");
            for (const char *at = wrong; *at != 0; at++) putchar(*at >= ' ' && *at <= '~' ? *at : '?');
            putchar('\n');
        }
        fflush(stdout);
        free(file);
    }
    return 0;
}
