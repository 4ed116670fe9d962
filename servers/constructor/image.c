/* image.c: ELF files that nobody vouches for. Source: System V ABI, chapters 4 and 5; RISC-V unprivileged ISA, "Zicsr" and "Zicntr". */
#include "image.h"

/* A product's own addresses begin at the first, and end before the second: its stack is behind it. */
#define TEXT_FIRST BW_ADDRESS_TEXT
#define TEXT_END (BW_ADDRESS_STACK_TOP - (2UL << 20))

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t header_bytes, program_header_bytes, program_header_count, section_header_bytes, section_header_count, names_section;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF");
struct program_header {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_bytes, bytes, align;
};
_Static_assert(sizeof(struct program_header) == 56, "ELF");
struct section_header {
    uint32_t name, type;
    uint64_t flags, address, offset, bytes;
    uint32_t link, info;
    uint64_t align, entry_bytes;
};
_Static_assert(sizeof(struct section_header) == 64, "ELF");

enum { TYPE_EXECUTABLE = 2, MACHINE_RISCV = 243, LOAD = 1, DYNAMIC = 2, INTERPRETER = 3, NO_BITS = 8 };

static bool within(uint64_t offset, uint64_t bytes, uint64_t length) { return offset <= length && bytes <= length - offset; }

static const char *read_segment(struct image *image, const struct program_header *p) {
    if (image->segments_used == MOST_SEGMENTS) return "it has more than 8 segments";
    const struct segment s = {.address = p->address, .bytes = p->bytes, .offset = p->offset, .file_bytes = p->file_bytes, .flags = p->flags & 7};
    if (s.file_bytes > s.bytes || !within(s.offset, s.file_bytes, image->bytes)) return "a segment reaches past the end of the file";
    if (s.address < TEXT_FIRST || !within(s.address, s.bytes, TEXT_END)) return "a segment lies outside the addresses of programs";
    if ((s.flags & SEGMENT_WRITE) != 0 && (s.flags & SEGMENT_EXECUTE) != 0) return "a segment is writable and executable";
    if ((s.flags & SEGMENT_WRITE) == 0 && s.file_bytes != s.bytes) return "a segment that is not written has less in the file than in memory";
    if ((s.flags & SEGMENT_WRITE) == 0 && s.offset % PAGE != s.address % PAGE) return "a segment does not lie in the file as in memory: link with -z max-page-size=4096";
    if ((s.flags & (SEGMENT_READ | SEGMENT_EXECUTE)) == 0) return "a segment can be neither read nor executed";
    for (uint32_t i = 0; i < image->segments_used; i++) {
        const struct segment *o = &image->segments[i];
        const uint64_t first = s.address / PAGE, end = (s.address + s.bytes + PAGE - 1) / PAGE, other = o->address / PAGE, other_end = (o->address + o->bytes + PAGE - 1) / PAGE;
        if (first < other_end && other < end) return "two segments share a page";
        /* An instruction could begin in one and end in the other, where find_clock does not see it. */
        if ((s.flags & o->flags & SEGMENT_EXECUTE) != 0 && (first == other_end || other == end)) return "two executable segments lie on neighbouring pages";
    }
    image->segments[image->segments_used++] = s;
    return NULL;
}

static const char *read_segments(struct image *image, const struct elf_header *h) {
    if (h->program_header_bytes != sizeof(struct program_header) || !within(h->program_headers, h->program_header_count * sizeof(struct program_header), image->bytes)) {
        return "its program headers reach past the end of the file";
    }
    for (uint32_t i = 0; i < h->program_header_count; i++) {
        struct program_header p;
        memcpy(&p, image->file + h->program_headers + i * sizeof p, sizeof p);
        if (p.type == DYNAMIC || p.type == INTERPRETER) return "it is dynamically linked";
        if (p.type != LOAD || p.bytes == 0) continue;
        const char *wrong = read_segment(image, &p);
        if (wrong != NULL) return wrong;
    }
    uint64_t data = 0;
    bool entry = false;
    for (uint32_t i = 0; i < image->segments_used; i++) {
        const struct segment *s = &image->segments[i];
        entry = entry || ((s->flags & SEGMENT_EXECUTE) != 0 && image->entry >= s->address && image->entry - s->address < s->bytes && image->entry % 2 == 0);
        if ((s->flags & SEGMENT_WRITE) != 0 && s->file_bytes > 0) data += (s->offset + s->file_bytes - 1) / PAGE - s->offset / PAGE + 1;
    }
    if (!entry) return "its entry point is not in an executable segment";
    return data > MOST_DATA_PAGES ? "it has more than 56 KiB of initialised data" : NULL;
}

/* Whether a section's name is that of the uses. */
static bool is_uses(const struct image *image, const struct section_header *names, uint32_t name) {
    static const char uses[] = ".bw_uses";
    return within(names->offset, name, image->bytes) && within(names->offset + name, sizeof uses, image->bytes) && memcmp(&image->file[names->offset + name], uses, sizeof uses) == 0;
}

/* Each use that the program declares is told the slot of the capability of its name. */
static const char *patch(struct image *image, uint8_t *file, const struct section_header *s, image_find *find, const void *of) {
    static char wrong[] = "it uses a capability that was not installed: ........................";
    if (s->bytes % sizeof(struct bw_use) != 0 || s->offset % 8 != 0 || !within(s->offset, s->bytes, image->bytes)) return "its section .bw_uses is damaged";
    if (s->bytes > MOST_USES * sizeof(struct bw_use)) return "it has more than 64 uses";
    for (uint64_t at = s->offset; at < s->offset + s->bytes; at += sizeof(struct bw_use)) {
        struct bw_use *use = (struct bw_use *)&file[at];
        if (use->name[sizeof use->name - 1] != 0) return "its section .bw_uses is damaged";
        const bw_cptr slot = find(of, use->name);
        if (slot == 0) {
            const size_t room = sizeof use->name, length = strlen(use->name);
            memcpy(&wrong[sizeof wrong - 1 - room], use->name, length + 1);
            return wrong;
        }
        use->cap = slot;
    }
    return NULL;
}

static const char *patch_uses(struct image *image, uint8_t *file, const struct elf_header *h, image_find *find, const void *of) {
    if (h->section_headers == 0) return NULL;
    if (h->section_header_bytes != sizeof(struct section_header) || !within(h->section_headers, h->section_header_count * sizeof(struct section_header), image->bytes)
        || h->names_section >= h->section_header_count) {
        return "its section table is damaged";
    }
    struct section_header names, uses = {.type = NO_BITS};
    memcpy(&names, image->file + h->section_headers + h->names_section * sizeof names, sizeof names);
    for (uint32_t i = 0; i < h->section_header_count; i++) {
        struct section_header s;
        memcpy(&s, image->file + h->section_headers + i * sizeof s, sizeof s);
        if (s.type == NO_BITS || !is_uses(image, &names, s.name)) continue;
        if (uses.type != NO_BITS) return "it has more than one section .bw_uses";
        uses = s;
    }
    /* All headers have been read by now: what is written may be anywhere, on headers too. */
    return uses.type == NO_BITS ? NULL : patch(image, file, &uses, find, of);
}

/*
 * The first place where executable bytes, read at any alignment an instruction can have, are a read of a counter: rdcycle, rdinstret and the performance counters
 * give the host's time and cannot be trapped. Constants among instructions can be taken for one.
 */
static uint64_t find_clock(const struct image *image) {
    enum { SYSTEM = 0x73, COUNTERS = 0xc00, COUNTERS_END = 0xca0 };
    for (uint32_t i = 0; i < image->segments_used; i++) {
        const struct segment *s = &image->segments[i];
        if ((s->flags & SEGMENT_EXECUTE) == 0) continue;
        /* The rest of the last page is executable, too. */
        const uint64_t first = s->offset - s->offset % PAGE, end = (s->offset + s->file_bytes + PAGE - 1) / PAGE * PAGE;
        for (uint64_t at = first; at + 4 <= end && at + 4 <= IMAGE_BYTES; at += 2) {
            uint32_t word;
            memcpy(&word, &image->file[at], sizeof word);
            const uint32_t csr = word >> 20;
            if ((word & 0x7f) == SYSTEM && (word >> 12 & 3) != 0 && csr >= COUNTERS && csr < COUNTERS_END) return s->address - s->offset + at;
        }
    }
    return 0;
}

const char *image_read(struct image *image, uint8_t *file, uint64_t bytes, image_find *find, const void *of) {
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1};
    struct elf_header h;
    *image = (struct image){.file = file, .bytes = bytes};
    if (bytes < sizeof h) return "it is no ELF file";
    memcpy(&h, file, sizeof h);
    if (memcmp(h.ident, ident, sizeof ident) != 0 || h.machine != MACHINE_RISCV) return "it is no ELF file for 64-bit RISC-V";
    if (h.type != TYPE_EXECUTABLE) return "it is not a static executable";
    image->entry = h.entry;
    const char *wrong = read_segments(image, &h);
    if (wrong == NULL) wrong = patch_uses(image, file, &h, find, of);
    if (wrong == NULL) image->clock = find_clock(image);
    return wrong;
}
