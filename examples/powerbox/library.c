/* Puts a few files where the powerbox looks, if they are not there, and ends. */
#include <bailiwick.h>
#include <bailiwick/file.h>

BW_USE(home);

enum { SLOT_FILE = 128, SLOT_LETTERS };

static bool put(bw_cptr directory, const char *name, const char *text) {
    struct bw_file_info info = {0};
    if (bw_file_open(directory, name, BW_FILE_READ | BW_FILE_WRITE, BW_MAKE_FILE, SLOT_FILE, &info) != 0) return false;
    const bool done = info.bytes > 0 || bw_file_write(SLOT_FILE, 0, text, strlen(text)) == 0;
    return bw_file_close(SLOT_FILE) == 0 && done;
}

int main(void) {
    const bw_cptr home = bw_use_home.cap;
    bool done = put(home, "notes", "Buy tea.\n") && put(home, "keys", "The key is under the mat.\n");
    done = done && bw_file_open(home, "letters", BW_FILE_ALL, BW_MAKE_DIRECTORY, SLOT_LETTERS, NULL) == 0;
    done = done && put(SLOT_LETTERS, "aunt", "Dear aunt,\n") && bw_file_sync(home) == 0;
    return done ? 0 : 1;
}
