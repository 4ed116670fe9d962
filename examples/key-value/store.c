/*
 * A key-value store on the file server: a file for each value, in a directory for each offer. It has no disk, no path and nothing of another program's: one
 * directory, in which it makes others. A value is replaced by renaming a whole new file onto the old one, so whatever happens, one of the two is there.
 */
#include <bailiwick.h>
#include <bailiwick/file-protocol.h>
#include <bailiwick/file.h>

#include "protocol.h"

BW_USE(values);

enum { OFFERS = 8, KEY = 64, VALUE = 512, SLOT_DIRECTORIES = 128, SLOT_FILE = SLOT_DIRECTORIES + OFFERS };
#define NEW_FILE "new"

/* The badge says through which offer a request came. */
static bw_cptr directory_of(const struct bw_request *r) { return SLOT_DIRECTORIES + (r->badge >> 16); }

/* A key as a file's name: behind a sign, so that no key is "..", or the new file. What else a name cannot have, the file server refuses. */
static bool name_of(const uint8_t *key, uint64_t count, char *name) {
    if (count > KEY) return false;
    for (uint64_t i = 0; i < count; i++) if (key[i] == 0) return false;
    name[0] = '=';
    memcpy(name + 1, key, count);
    name[count + 1] = 0;
    return true;
}

static bool read_key(struct bw_request *r, uint32_t words, char *name) {
    const uint8_t *bytes = r->w[0] == 0 ? NULL : bw_request_bytes(r, words, r->w[0]);
    return bytes != NULL && name_of(bytes, r->w[0], name);
}

static uint32_t answer_of(uint32_t file) {
    switch (file) {
    case 0: return 0;
    case FILE_E_NOT_FOUND: return KEY_VALUE_E_NOT_FOUND;
    case FILE_E_BAD_NAME: return KEY_VALUE_E_BAD_REQUEST;
    case FILE_E_QUOTA: case FILE_E_NO_SPACE: return KEY_VALUE_E_FULL;
    default: return KEY_VALUE_E_DISK;
    }
}

static uint32_t do_put(struct bw_request *r) {
    char name[KEY + 2];
    uint8_t value[VALUE];
    const bw_cptr directory = directory_of(r);
    const uint64_t key_count = r->w[0], count = r->w[1];
    if (key_count > KEY || count > VALUE || !read_key(r, 2, name)) return KEY_VALUE_E_BAD_REQUEST;
    const uint8_t *bytes = bw_request_bytes(r, 2, key_count + count);
    if (bytes == NULL) return KEY_VALUE_E_BAD_REQUEST;
    memcpy(value, bytes + key_count, count);
    uint32_t result = bw_file_open(directory, NEW_FILE, BW_FILE_WRITE, BW_MAKE_FILE, SLOT_FILE, NULL);
    if (result != 0) return answer_of(result);
    result = bw_file_truncate(SLOT_FILE, 0);
    if (result == 0) result = bw_file_write(SLOT_FILE, 0, value, count);
    if (result == 0) result = bw_file_rename(directory, NEW_FILE, 0, name, true);
    if (result == 0) result = bw_file_sync(SLOT_FILE);
    (void)bw_file_close(SLOT_FILE);
    return answer_of(result);
}

static uint32_t do_get(struct bw_request *r) {
    char name[KEY + 2];
    uint8_t value[VALUE];
    size_t done = 0;
    if (!read_key(r, 1, name)) return KEY_VALUE_E_BAD_REQUEST;
    uint32_t result = bw_file_open(directory_of(r), name, BW_FILE_READ, BW_MAKE_NOTHING, SLOT_FILE, NULL);
    if (result != 0) return answer_of(result);
    result = bw_file_read(SLOT_FILE, 0, value, VALUE, &done);
    (void)bw_file_close(SLOT_FILE);
    if (result != 0) return answer_of(result);
    memcpy(bw_answer_room(1), value, done);
    r->w[0] = done;
    bw_answer_bytes(r, 1, done);
    return 0;
}

static uint32_t do_remove(struct bw_request *r) {
    char name[KEY + 2];
    if (!read_key(r, 1, name)) return KEY_VALUE_E_BAD_REQUEST;
    const uint32_t result = bw_file_remove(directory_of(r), name);
    return answer_of(result != 0 ? result : bw_file_sync(directory_of(r)));
}

static uint32_t do_next(struct bw_request *r) {
    char name[KEY + 2] = "=";
    struct bw_file_entry entry;
    if (r->w[0] != 0 && !read_key(r, 1, name)) return KEY_VALUE_E_BAD_REQUEST;
    const uint32_t result = bw_file_next(directory_of(r), name, &entry);
    if (result != 0) return answer_of(result);
    /* Behind the last '=' comes the new file, if there is one. */
    if (entry.name[0] != '=') return KEY_VALUE_E_NOT_FOUND;
    r->w[0] = strlen(entry.name) - 1;
    memcpy(bw_answer_room(1), entry.name + 1, r->w[0]);
    bw_answer_bytes(r, 1, r->w[0]);
    return 0;
}

int main(void) {
    for (uint32_t i = 0; i < OFFERS && bw_offer(i) != NULL; i++) {
        const uint32_t result = bw_file_open(bw_use_values.cap, bw_offer(i), BW_FILE_READ | BW_FILE_WRITE, BW_MAKE_DIRECTORY, SLOT_DIRECTORIES + i, NULL);
        if (result != 0) {
            bw_log("there is no directory for an offer");
            return 1;
        }
    }
    static const struct bw_method methods[] = {
        {.label = KEY_VALUE_PUT, .words = 2, .handle = do_put},
        {.label = KEY_VALUE_GET, .words = 1, .handle = do_get},
        {.label = KEY_VALUE_REMOVE, .words = 1, .handle = do_remove},
        {.label = KEY_VALUE_NEXT, .words = 1, .handle = do_next},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = KEY_VALUE_E_BAD_REQUEST};
    bw_serve(&service);
}
