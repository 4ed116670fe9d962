/* show.c: see show.h. */
#include <bailiwick.h>
#include <bailiwick/file.h>

#include "show.h"

/* A byte as 1 to 4 that can be seen. */
static size_t escape(char *to, uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') return to[0] = '\\', to[1] = (char)byte, 2;
    if (byte >= ' ' && byte <= '~') return to[0] = (char)byte, 1;
    return to[0] = '\\', to[1] = 'x', to[2] = digits[byte >> 4], to[3] = digits[byte & 15], 4;
}

char *quote(char *to, size_t room, const void *bytes, size_t count) {
    static const char cut[] = "\"...";
    const uint8_t *from = bytes;
    size_t used = 0, done = 0;
    to[used++] = '"';
    for (; done < count; done++) {
        char piece[4];
        const size_t length = escape(piece, from[done]);
        /* What ends it must fit behind, whichever it is. */
        if (used + length + sizeof cut > room) break;
        memcpy(&to[used], piece, length);
        used += length;
    }
    memcpy(&to[used], cut, sizeof cut);
    if (done == count) to[used + 1] = 0;
    return to;
}

char *quote_end(char *to, size_t room, const void *bytes, size_t count) {
    const uint8_t *from = bytes;
    char piece[4];
    size_t first = count, length = 0;
    for (; first > 0; first--) {
        length += escape(piece, from[first - 1]);
        if (length + sizeof "...\"\"..." > room) break;
    }
    const size_t before = first > 0 ? 3 : 0;
    memcpy(to, "...", before);
    (void)quote(to + before, room - before, from + first, count - first);
    return to;
}

void log_all(const char *const *texts) {
    static char line[944];
    size_t used = 0;
    for (; *texts != NULL; texts++) for (const char *at = *texts; *at != 0 && used < sizeof line - 1; at++) line[used++] = *at;
    line[used] = 0;
    bw_log(line);
}

void show_words(const void *bytes, size_t count) {
    enum { COLUMNS = 68 };
    const uint8_t *from = bytes;
    size_t column = COLUMNS;
    for (size_t i = 0; i < count; i++) {
        char piece[4];
        const size_t length = escape(piece, from[i]);
        if (column + length > COLUMNS) {
            bw_printf(i == 0 ? "  | " : "\n  | ");
            column = 0;
        }
        bw_write(piece, length);
        column += length;
    }
    bw_putchar('\n');
}

const char *rights_text(uint32_t rights, uint32_t kind) {
    /* Who may change a file may add to it. */
    static const char *const of_file[] = {"do nothing with", "read", "change", "read and change", "add to", "read and add to", "change", "read and change"};
    static const char *const of_directory[] = {
        "do nothing in", "read all in", "change all in", "read and change all in", "put new things into", "read all in, and add to,", "change all in", "read and change all in",
    };
    const uint32_t which = rights & (BW_FILE_READ | BW_FILE_WRITE | BW_FILE_APPEND);
    return kind == BW_KIND_OF_DIRECTORY ? of_directory[which] : of_file[which];
}
