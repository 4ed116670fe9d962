/*
 * An editor of lines that has no file: it asks for one, and works on what it is given. Nothing in it names a file, checks a path or knows where files are; whether it
 * may write is the capability's affair, and it finds out by trying.
 */
#include <bailiwick.h>
#include <bailiwick/file-protocol.h>
#include <bailiwick/powerbox-protocol.h>
#include <bailiwick/powerbox.h>

#include "terminal.h"

BW_USE(powerbox);

/* The file that it has, if any. */
enum { SLOT_FILE = 130, TEXT_MOST = 4096 };
static bool has_file;

static const char *problem(uint32_t result) {
    switch (result) {
    case FILE_E_NOT_ALLOWED: return "it was given for something else";
    /* What the capability named is no more: the operator has taken it back. */
    case FILE_E_BAD_REQUEST: return "it was taken back";
    case FILE_E_NOT_FOUND: return "somebody has removed it";
    case FILE_E_QUOTA: case FILE_E_NO_SPACE: return "there is no room";
    case BW_FILE_GONE: return "the file server is gone";
    default: return "the file server refuses";
    }
}

static void let_go(void) {
    if (has_file && bw_file_close(SLOT_FILE) != 0) (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_FILE);
    has_file = false;
}

static bool failed(const char *what, uint32_t result) {
    if (result == 0) return false;
    bw_printf("(%s: %s)\n", what, problem(result));
    if (result == FILE_E_BAD_REQUEST || result == BW_FILE_GONE) let_go();
    return true;
}

static void print(void) {
    static char text[TEXT_MOST];
    size_t count = 0;
    if (failed("cannot be read", bw_file_read(SLOT_FILE, 0, text, sizeof text, &count))) return;
    bw_write(text, count);
    bw_printf("(%lu bytes)\n", count);
}

static void ask(uint32_t rights, bool make, const char *name) {
    const struct bw_powerbox_wish wish = {.rights = rights, .kind = BW_KIND_OF_FILE, .make = make, .purpose = make ? "a new text to write" : "the text that you want to work on", .name = name};
    struct bw_powerbox_grant grant;
    let_go();
    bw_puts("(asks; Ctrl-] then 2 is where you answer)");
    const uint32_t result = bw_powerbox_ask(bw_use_powerbox.cap, &wish, SLOT_FILE, &grant);
    has_file = result == 0;
    if (result == POWERBOX_E_DENIED) bw_puts("(you said no)");
    else if (result == POWERBOX_E_GONE || result == BW_FILE_GONE) bw_puts("(there is nobody to ask, or no file server)");
    else if (result != 0) bw_puts("(the powerbox does not let me ask now)");
    else bw_printf("(given%s%s%s)\n", grant.made ? ", new" : "", (grant.rights & BW_FILE_READ) != 0 ? ", to read" : "", (grant.rights & BW_FILE_WRITE) != 0 ? ", to change" : "");
}

static void add(const char *text) {
    static char line[LINE_MOST + 2];
    const size_t count = strlen(text);
    memcpy(line, text, count);
    line[count] = '\n';
    if (!failed("not added", bw_file_append(SLOT_FILE, line, count + 1, NULL)) && !failed("perhaps lost", bw_file_sync(SLOT_FILE))) bw_puts("(added, and on the disk)");
}

static void act(const char *line) {
    const char letter = line[0];
    const bool alone = letter != 0 && line[1] == 0;
    if (alone && letter == 'o') ask(BW_FILE_READ | BW_FILE_WRITE, false, NULL);
    else if (alone && letter == 'n') ask(BW_FILE_READ | BW_FILE_WRITE, true, "untitled");
    else if (alone && letter == 'c') let_go();
    else if (alone && letter == 'q') bw_exit(0);
    else if (!has_file) bw_puts("(there is no file: o or n asks for one)");
    else if (alone && letter == 'p') print();
    else if (alone && letter == 'e') {
        if (!failed("not emptied", bw_file_truncate(SLOT_FILE, 0))) bw_puts("(empty)");
    } else if (letter == '+') add(line + 1);
    else bw_puts("(what?)");
}

int main(void) {
    if (!terminal_open()) return 1;
    bw_puts("An editor without a file. o: asks for one. n: for a new one. p: prints it. +TEXT: adds a line. e: empties it. c: gives it back. q: quits.");
    for (;;) act(terminal_line(has_file ? "file> " : "> "));
}
