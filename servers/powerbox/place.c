/* place.c: see place.h. */
#include <bailiwick/file-protocol.h>

#include "place.h"
#include "show.h"
#include "slots.h"

BW_USE(files);

/* The file server's limits. */
enum { DEPTH = 32, NAME = 256, OWN_RIGHTS = BW_FILE_READ | BW_FILE_WRITE | BW_FILE_APPEND };

static struct {
    uint32_t depth;
    char names[DEPTH][NAME];
    /* Behind which name the page begins. */
    char after[NAME];
    uint32_t count;
    /* There are entries behind the page. */
    bool more;
    struct bw_file_entry entries[PAGE];
} place;

bw_cptr place_directory(void) { return place.depth == 0 ? bw_use_files.cap : SLOT_PLACE; }

static void leave(bw_cptr slot) {
    (void)bw_file_close(slot);
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
}

void place_end(void) {
    if (place.depth > 0) leave(SLOT_PLACE);
    place.depth = 0;
    place.count = 0;
    place.after[0] = 0;
}

static uint32_t look_from(const char *after) {
    struct bw_file_entry entry;
    uint32_t count = 0, result = 0;
    char first[NAME];
    memcpy(first, after, strlen(after) + 1);
    for (; count <= PAGE; count++) {
        result = bw_file_next(place_directory(), count == 0 ? first : place.entries[count - 1].name, &entry);
        if (result != 0 || count == PAGE) break;
        place.entries[count] = entry;
    }
    if (result != 0 && result != FILE_E_NOT_FOUND) return place.count = 0, result;
    place.count = count;
    place.more = result == 0;
    memcpy(place.after, first, sizeof first);
    return 0;
}

uint32_t place_look(void) { return look_from(place.after); }
uint32_t place_more(void) { return look_from(place.more && place.count > 0 ? place.entries[place.count - 1].name : ""); }

/* One step down, without a look at what is there. */
static uint32_t step(const char *name) {
    struct bw_file_info info = {0};
    if (place.depth == DEPTH) return FILE_E_NOT_FOUND;
    const uint32_t result = bw_file_open(place_directory(), name, OWN_RIGHTS, BW_MAKE_NOTHING, SLOT_STEP, &info);
    if (result != 0 || info.kind != BW_KIND_OF_DIRECTORY) {
        if (result == 0) leave(SLOT_STEP);
        return result != 0 ? result : FILE_E_NOT_DIRECTORY;
    }
    if (place.depth > 0) leave(SLOT_PLACE);
    (void)bw_cnode_move(BW_SLOT_CNODE, SLOT_PLACE, BW_SLOT_CNODE, SLOT_STEP);
    memmove(place.names[place.depth++], name, strlen(name) + 1);
    return 0;
}

uint32_t place_enter(const char *name) {
    /* It may stand in the page that is thrown away. */
    char copy[NAME];
    memcpy(copy, name, strlen(name) + 1);
    const uint32_t result = step(copy);
    return result != 0 ? result : look_from("");
}

uint32_t place_up(void) {
    if (place.depth == 0) return FILE_E_NOT_FOUND;
    /* There is no capability to what is above, so the way is gone again, from the top. */
    const uint32_t depth = place.depth - 1;
    place_end();
    for (uint32_t i = 0; i < depth; i++) {
        const uint32_t result = step(place.names[i]);
        if (result != 0) return place_end(), result;
    }
    return look_from("");
}

uint32_t place_begin(uint32_t *rights) {
    struct bw_file_info info = {0};
    place_end();
    const uint32_t result = bw_file_info(bw_use_files.cap, &info);
    *rights = info.rights & OWN_RIGHTS;
    return result;
}

const struct bw_file_entry *place_entry(uint64_t number) { return number >= 1 && number <= place.count ? &place.entries[number - 1] : NULL; }

char *place_path(char *to, size_t room, const char *name) {
    static char path[DEPTH * NAME + NAME];
    size_t used = 0;
    for (uint32_t i = 0; i < place.depth; i++) {
        const size_t count = strlen(place.names[i]);
        path[used++] = '/';
        memcpy(&path[used], place.names[i], count);
        used += count;
    }
    if (place.depth == 0 || *name != 0) path[used++] = '/';
    memcpy(&path[used], name, strlen(name));
    return quote_end(to, room, path, used + strlen(name));
}

void place_show(void) {
    char text[64];
    bw_printf("In %s%s\n", place_path(text, sizeof text, ""), place.count == 0 ? " there is nothing." : ":");
    for (uint32_t i = 0; i < place.count; i++) {
        const struct bw_file_entry *e = &place.entries[i];
        bw_printf("  %2u  %s", i + 1, quote(text, sizeof text - 16, e->name, strlen(e->name)));
        if (e->kind == BW_KIND_OF_DIRECTORY) bw_puts("  directory");
        else bw_printf("  %lu bytes\n", e->bytes);
    }
    if (place.more) bw_puts("      n shows more.");
}
