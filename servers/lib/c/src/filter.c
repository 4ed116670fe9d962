/* filter.c: see filter.h. */
#include "filter.h"

enum { ESCAPE = 0x1b, BELL = 7, DELETE = 0x7f };

bool bw_filter_passes(struct filter *f, uint8_t byte, bool returns) {
    switch (f->sequence) {
    case TEXT: break;
    case AFTER_ESCAPE:
        f->sequence = byte == ESCAPE ? AFTER_ESCAPE : byte == '[' ? CONTROL : byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_' ? STRING : byte >= 0x20 && byte < 0x30 ? AFTER_ESCAPE : TEXT;
        return false;
    case CONTROL:
        if (byte >= 0x40 && byte < DELETE) f->sequence = TEXT;
        if (byte >= 0x20 && byte < 0x80) return false;
        break;
    case STRING:
        if (byte == ESCAPE) f->sequence = STRING_ESCAPE;
        else if (byte == BELL || byte == '\n') f->sequence = TEXT;
        return false;
    case STRING_ESCAPE:
        f->sequence = byte == '\\' ? TEXT : STRING;
        return false;
    }
    if (byte == ESCAPE) {
        f->sequence = AFTER_ESCAPE;
        f->held_count = 0;
        return false;
    }
    f->sequence = TEXT;
    if (byte < 0x80) {
        f->held[0] = byte;
        f->held_count = 1;
        return (byte >= 0x20 && byte < DELETE) || byte == '\n' || byte == '\t' || byte == '\b' || (byte == '\r' && returns);
    }
    /* UTF-8: what is no character is left out, and so are the second set of control characters (U+0080 to U+009F), longer forms of shorter characters and halves of pairs. */
    if (byte >= 0xc2 && byte < 0xf5) {
        f->held[0] = byte;
        f->held_count = 1;
        return false;
    }
    const uint8_t lead = f->held[0];
    const uint32_t whole = f->held_count == 0 || lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const bool second = f->held_count == 1;
    const uint8_t low = !second ? 0x80 : lead == 0xc2 || lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = !second ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    const bool wrong = f->held_count >= whole || byte < low || byte > high;
    if (wrong) {
        f->held_count = 0;
        return false;
    }
    f->held[f->held_count++] = byte;
    return f->held_count == whole;
}
