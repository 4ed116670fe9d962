/* Puts files into the directory that the powerbox shows: args.files, each "name=text", or a directory "name/" and then "name/other=text". */
#include <bailiwick.h>
#include <bailiwick/file.h>

BW_USE(console);
BW_USE(home);

enum { SLOT_DIRECTORY = 128, SLOT_FILE };

static void put(const char *what) {
    char name[256];
    bw_cptr directory = bw_use_home.cap;
    size_t length = 0;
    for (; *what != 0 && *what != '='; what++) {
        if (*what != '/') {
            name[length++] = *what;
            continue;
        }
        name[length] = 0;
        length = 0;
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_DIRECTORY + 2);
        if (bw_file_open(directory, name, BW_FILE_ALL, BW_MAKE_DIRECTORY, SLOT_DIRECTORY + 2, NULL) != 0) bw_exit(1);
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_DIRECTORY);
        (void)bw_cnode_move(BW_SLOT_CNODE, SLOT_DIRECTORY, BW_SLOT_CNODE, SLOT_DIRECTORY + 2);
        directory = SLOT_DIRECTORY;
    }
    name[length] = 0;
    if (length == 0) return;
    if (bw_file_open(directory, name, BW_FILE_ALL, BW_MAKE_FILE, SLOT_FILE, NULL) != 0) bw_exit(1);
    const char *text = *what == '=' ? what + 1 : what;
    if (bw_file_write(SLOT_FILE, 0, text, strlen(text)) != 0 || bw_file_close(SLOT_FILE) != 0) bw_exit(1);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    char key[] = "files.00";
    for (uint32_t i = 0; i < 100; i++) {
        key[6] = (char)(i < 10 ? '0' + i : '0' + i / 10);
        key[7] = i < 10 ? 0 : (char)('0' + i % 10);
        const char *what = bw_arg(key);
        if (what == NULL) break;
        put(what);
    }
    bw_puts("filled");
    return 0;
}
