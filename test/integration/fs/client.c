/* A client of the file server. args.does: what it tries; one line for each thing, which the test compares. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/file-protocol.h>
#include <bailiwick/file.h>

BW_USE(console);
BW_USE(home);
BW_USE(look);
BW_USE(add);
BW_USE(small);

enum { SLOT = 128, RECORD = 3000, WINDOW = 200 };

static const bw_cptr A = SLOT, B = SLOT + 1, C = SLOT + 2, D = SLOT + 3;
static uint8_t bytes[70000], back[70000];

#define SAY(what, ...) bw_printf("%s: %u\n", what, __VA_ARGS__)

static void empty(bw_cptr slot) { (void)bw_cnode_delete(BW_SLOT_CNODE, slot); }

static void files(void) {
    const bw_cptr home = bw_use_home.cap;
    struct bw_file_info info = {0};
    size_t done = 0;
    for (uint32_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    SAY("not there", bw_file_open(home, "a", BW_FILE_ALL, BW_MAKE_NOTHING, A, NULL));
    SAY("make", bw_file_open(home, "a", BW_FILE_ALL, BW_MAKE_FILE, A, &info));
    bw_printf("kind %u, %lu bytes, rights %u\n", info.kind, info.bytes, info.rights);
    SAY("make only", bw_file_open(home, "a", BW_FILE_ALL, BW_MAKE_FILE | BW_MAKE_ONLY, B, NULL));
    SAY("write", bw_file_write(A, 0, bytes, 60000));
    SAY("read", bw_file_read(A, 0, back, sizeof back, &done));
    bw_printf("%lu bytes, %s\n", done, memcmp(bytes, back, done) == 0 ? "the same" : "others");
    SAY("window", bw_file_window(A, SLOT + 60, BW_ADDRESS_OWN));
    memcpy((void *)(BW_ADDRESS_OWN + 4096), bytes, 65536);
    SAY("write by window", bw_file_write_window(A, 100000, 65536, 4096));
    SAY("read by window", bw_file_read_window(A, 99000, 65536, 1 << 20, &done));
    const uint8_t *window = (const uint8_t *)(BW_ADDRESS_OWN + (1 << 20));
    bw_printf("%lu bytes, %s, %s\n", done, window[0] == 0 && window[999] == 0 ? "zeros between" : "no zeros", memcmp(window + 1000, bytes, 64536) == 0 ? "the same" : "others");
    SAY("beyond the window", bw_file_write_window(A, 0, 65536, (2 << 20) - 65535));
    SAY("too long", bw_file_write_window(A, 0, 65537, 0));
    SAY("too far", bw_file_write(A, UINT64_MAX - 5, bytes, 100));
    SAY("truncate", bw_file_truncate(A, 10));
    uint64_t offset = 0;
    SAY("append", bw_file_append(A, "xyz", 3, &offset));
    SAY("info", bw_file_info(A, &info));
    bw_printf("at %lu, %lu bytes\n", offset, info.bytes);
    SAY("sync", bw_file_sync(A));
    SAY("close", bw_file_close(A));
}

static void directories(void) {
    const bw_cptr home = bw_use_home.cap;
    struct bw_file_entry e;
    SAY("directory", bw_file_open(home, "d", BW_FILE_ALL, BW_MAKE_DIRECTORY, D, NULL));
    SAY("in it", bw_file_open(D, "inner", BW_FILE_ALL, BW_MAKE_FILE, B, NULL));
    SAY("a path", bw_file_open(home, "d/inner", BW_FILE_ALL, BW_MAKE_NOTHING, C, NULL));
    SAY("above", bw_file_open(D, "..", BW_FILE_ALL, BW_MAKE_NOTHING, C, NULL));
    SAY("itself", bw_file_open(D, ".", BW_FILE_ALL, BW_MAKE_NOTHING, C, NULL));
    SAY("no name", bw_file_open(D, "", BW_FILE_ALL, BW_MAKE_NOTHING, C, NULL));
    SAY("read a directory", bw_file_append(D, "x", 1, NULL));
    SAY("open in a file", bw_file_open(B, "x", BW_FILE_ALL, BW_MAKE_FILE, C, NULL));
    SAY("not empty", bw_file_remove(home, "d"));
    SAY("move", bw_file_rename(D, "inner", home, "outer", false));
    SAY("move the directory into itself", bw_file_rename(home, "d", D, "d", false));
    SAY("onto another", bw_file_rename(home, "outer", 0, "a", false));
    SAY("replacing it", bw_file_rename(home, "outer", 0, "a", true));
    SAY("move to what is none", bw_file_rename(home, "a", bw_use_console.cap, "a", false));
    for (const char *after = ""; bw_file_next(home, after, &e) == 0; after = e.name) bw_printf("entry %u %s %lu\n", e.kind, e.name, e.bytes);
    SAY("append to the moved one", bw_file_append(B, "still", 5, NULL));
    SAY("remove", bw_file_remove(home, "d"));
    SAY("in what is removed", bw_file_open(D, "x", BW_FILE_ALL, BW_MAKE_FILE, C, NULL));
    SAY("remove what is open", bw_file_remove(home, "a"));
    SAY("write to it", bw_file_append(B, "x", 1, NULL));
    (void)bw_file_close(B);
    (void)bw_file_close(D);
}

static void rights(void) {
    const bw_cptr home = bw_use_home.cap, look = bw_use_look.cap, add = bw_use_add.cap;
    struct bw_file_info info = {0};
    size_t done = 0;
    (void)bw_file_open(home, "r", BW_FILE_ALL, BW_MAKE_FILE, A, NULL);
    (void)bw_file_append(A, "secret", 6, NULL);
    SAY("opened by who may look", bw_file_open(look, "r", BW_FILE_ALL, BW_MAKE_NOTHING, B, &info));
    SAY("its rights", info.rights);
    SAY("write", bw_file_write(B, 0, "x", 1));
    SAY("append", bw_file_append(B, "x", 1, NULL));
    SAY("truncate", bw_file_truncate(B, 0));
    SAY("read", bw_file_read(B, 0, back, 6, &done));
    SAY("make", bw_file_open(look, "new", BW_FILE_ALL, BW_MAKE_FILE, C, NULL));
    SAY("remove", bw_file_remove(look, "r"));
    SAY("rename", bw_file_rename(look, "r", 0, "s", false));
    SAY("move to it", bw_file_rename(home, "r", look, "s", false));
    SAY("set its quota", bw_label(&(struct bw_msg){.info = bw_call(look, bw_info(FILE_SET_QUOTA, 1, 0), 0, 0, 0, 0).info}));
    (void)bw_file_close(B);
    SAY("opened by who may add", bw_file_open(add, "r", BW_FILE_ALL, BW_MAKE_NOTHING, B, NULL));
    SAY("listed", bw_file_next(add, "", &(struct bw_file_entry){0}));
    SAY("is it there", bw_file_open(add, "r", BW_FILE_ALL, BW_MAKE_FILE | BW_MAKE_ONLY, B, NULL));
    SAY("put in", bw_file_open(add, "put", BW_FILE_ALL, BW_MAKE_FILE | BW_MAKE_ONLY, B, &info));
    SAY("its rights", info.rights);
    SAY("append", bw_file_append(B, "line", 4, NULL));
    SAY("write over it", bw_file_write(B, 0, "x", 1));
    SAY("read it", bw_file_read(B, 0, back, 4, &done));
    SAY("append-only, restricted", bw_file_restrict(A, BW_FILE_APPEND, C));
    SAY("more again", bw_file_restrict(C, BW_FILE_ALL, D));
    SAY("read", bw_file_read(D, 0, back, 6, &done));
    SAY("append", bw_file_append(D, "!", 1, NULL));
    SAY("close the one in between", bw_file_close(C));
    SAY("append", bw_file_append(D, "!", 1, NULL));
    bw_cptr copy = SLOT + 5;
    (void)bw_cnode_copy(BW_SLOT_CNODE, copy, BW_SLOT_CNODE, D, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY);
    SAY("close", bw_file_close(D));
    SAY("a copy of what is closed", bw_file_append(copy, "!", 1, NULL));
    SAY("another in its place", bw_file_restrict(A, BW_FILE_READ, D));
    SAY("the copy still", bw_file_append(copy, "!", 1, NULL));
    SAY("close an offer", bw_file_close(bw_use_home.cap));
    for (uint32_t i = 0, last = 0; i < 100 && last == 0; i++) {
        last = bw_file_restrict(A, BW_FILE_READ, SLOT + 10);
        empty(SLOT + 10);
        if (last != 0) bw_printf("%s: %u\n", i > 50 ? "too many" : "too few", last);
    }
}

/* What is lent: A is the client's file, B what it lends, L a directory lent, and so on. */
static void lending(void) {
    const bw_cptr home = bw_use_home.cap, L = SLOT + 6, M = SLOT + 7, own = SLOT + 8;
    struct bw_file_info info = {0};
    size_t done = 0;
    (void)bw_file_open(home, "f", BW_FILE_ALL, BW_MAKE_FILE, A, NULL);
    SAY("more than there are", bw_file_lend(A, BW_FILE_READ, 64, B));
    SAY("lend", bw_file_lend(A, BW_FILE_READ | BW_FILE_WRITE, 2, B));
    SAY("its window", bw_file_window(B, SLOT + 61, BW_ADDRESS_OWN));
    SAY("the client's own", bw_file_window(A, SLOT + 61, BW_ADDRESS_OWN));
    SAY("by what is lent", bw_file_write_window(B, 0, 10, 0));
    SAY("read by it", bw_file_read_window(B, 0, 10, 0, &done));
    SAY("one", bw_file_restrict(B, BW_FILE_READ, C));
    SAY("its window", bw_file_window(C, SLOT + 62, BW_ADDRESS_OWN));
    SAY("of that one another", bw_file_restrict(C, BW_FILE_READ, D));
    SAY("one too many", bw_file_restrict(D, BW_FILE_READ, own));
    SAY("or lent", bw_file_lend(B, BW_FILE_READ, 0, own));
    SAY("close the one in between", bw_file_close(C));
    SAY("room for one", bw_file_restrict(D, BW_FILE_READ, C));
    SAY("and no more", bw_file_restrict(D, BW_FILE_READ, own));
    SAY("the client's own", bw_file_restrict(A, BW_FILE_READ, own));
    SAY("taken back", bw_file_close(B));
    SAY("made of it", bw_file_read(C, 0, back, 1, &done));
    SAY("made of that", bw_file_info(D, &info));
    SAY("not of it", bw_file_info(own, &info));
    empty(C);
    empty(D);
    /* A directory, what is opened in it, and what is lent of that. */
    (void)bw_file_open(home, "d", BW_FILE_ALL, BW_MAKE_DIRECTORY, D, NULL);
    SAY("lend a directory", bw_file_lend(D, BW_FILE_READ | BW_FILE_WRITE, 3, L));
    SAY("make in it", bw_file_open(L, "in", BW_FILE_ALL, BW_MAKE_FILE, M, NULL));
    SAY("lend that", bw_file_lend(M, BW_FILE_ALL, 9, B));
    SAY("made of it", bw_file_restrict(B, BW_FILE_ALL, C));
    SAY("as many as the first", bw_file_restrict(B, BW_FILE_ALL, SLOT + 9));
    SAY("that taken back", bw_file_close(B));
    SAY("made of it", bw_file_info(C, &info));
    empty(C);
    SAY("room for two", bw_file_restrict(M, BW_FILE_ALL, B));
    SAY("and", bw_file_restrict(B, BW_FILE_ALL, C));
    SAY("no more", bw_file_restrict(C, BW_FILE_ALL, SLOT + 9));
    SAY("the holder gives it back", bw_file_close(L));
    SAY("made of it", bw_file_write(M, 0, "x", 1));
    SAY("made of that", bw_file_write(C, 0, "x", 1));
    SAY("the lender's", bw_file_info(D, &info));
    /* Nothing of all that is left in the client's 64. */
    uint32_t made = 0;
    for (; made < 100; made++) {
        const uint32_t result = bw_file_restrict(A, BW_FILE_READ, SLOT + 10);
        empty(SLOT + 10);
        if (result != 0) break;
    }
    bw_printf("%u left\n", made);
}

/* A write of the disk fails once what is here is "armed": each who changed something is told once, whoever syncs first. */
static void losses(void) {
    const bw_cptr L = SLOT + 6, M = SLOT + 7;
    uint32_t result = bw_file_open(bw_use_home.cap, "f", BW_FILE_ALL, BW_MAKE_FILE, A, NULL);
    if (result == 0) result = bw_file_lend(A, BW_FILE_WRITE, 1, B);
    if (result == 0) result = bw_file_lend(A, BW_FILE_WRITE, 1, L);
    if (result == 0) result = bw_file_restrict(L, BW_FILE_WRITE, M);
    if (result == 0) result = bw_file_lend(A, BW_FILE_WRITE, 1, C);
    if (result == 0) result = bw_file_sync(A);
    SAY("armed", result);
    for (uint32_t i = 0; i < 10000 && result == 0; i++) {
        (void)bw_file_append(A, "a", 1, NULL);
        (void)bw_file_append(B, "b", 1, NULL);
        (void)bw_file_append(M, "m", 1, NULL);
        result = bw_file_sync(A);
    }
    SAY("the client", result);
    SAY("again", bw_file_sync(A));
    SAY("who was lent it", bw_file_sync(B));
    SAY("again", bw_file_sync(B));
    SAY("who changed nothing", bw_file_sync(C));
    SAY("given back", bw_file_close(L));
    SAY("the client, for it", bw_file_sync(A));
    SAY("again", bw_file_sync(A));
}

static void quotas(void) {
    uint32_t result = bw_file_open(bw_use_small.cap, "big", BW_FILE_ALL, BW_MAKE_FILE, A, NULL), pieces = 0;
    for (; result == 0 && pieces < 1000; pieces++) result = bw_file_append(A, bytes, 936, NULL);
    bw_printf("%s: %u\n", pieces > 50 && pieces < 80 ? "full" : "full too early or too late", result);
    struct bw_msg m = bw_call(bw_use_small.cap, bw_info(FILE_USAGE, 0, 0), 0, 0, 0, 0);
    bw_printf("%s of %lu\n", m.w[0] <= m.w[1] ? "within" : "above", m.w[1]);
    m = bw_call(bw_use_small.cap, bw_info(FILE_SET_QUOTA, 1, 0), 131072, 0, 0, 0);
    bw_printf("more: %lu\n", (unsigned long)bw_label(&m));
    SAY("append", bw_file_append(A, bytes, 936, NULL));
    SAY("remove", bw_file_remove(bw_use_small.cap, "big"));
}

/* Until the disk is full, which loses nothing. */
static void full(void) {
    uint32_t result = bw_file_open(bw_use_home.cap, "filler", BW_FILE_ALL, BW_MAKE_FILE, A, NULL);
    (void)bw_file_window(A, SLOT + 60, BW_ADDRESS_OWN);
    uint64_t pieces = 0;
    for (; result == 0; pieces++) {
        memset((void *)BW_ADDRESS_OWN, (int)(pieces & 0xff), 65536);
        result = bw_file_write_window(A, pieces * 65536, 65536, 0);
        if (result == 0) result = bw_file_sync(A);
        if (result != 0) break;
    }
    bw_printf("%s: %u\n", pieces > 20 ? "full" : "full too early", result);
    SAY("sync", bw_file_sync(A));
    size_t done = 0;
    uint32_t wrong = 0;
    for (uint64_t i = 0; i < pieces; i++) {
        wrong += bw_file_read_window(A, i * 65536, 65536, 0, &done) != 0 || done != 65536;
        for (uint32_t n = 0; n < 65536; n += 1000) wrong += ((const uint8_t *)BW_ADDRESS_OWN)[n] != (i & 0xff);
    }
    SAY("wrong", wrong);
    SAY("remove", bw_file_remove(bw_use_home.cap, "filler"));
    SAY("sync", bw_file_sync(A));
    SAY("room again", bw_file_open(bw_use_home.cap, "next", BW_FILE_ALL, BW_MAKE_FILE, B, NULL));
}

/* Records of RECORD bytes, each synced before it is told of. */
static void records(void) {
    uint32_t result = bw_file_open(bw_use_home.cap, "records", BW_FILE_ALL, BW_MAKE_FILE, A, NULL);
    for (uint32_t i = 0; result == 0 && i < bw_arg_number("records", 20); i++) {
        memset(bytes, (int)('a' + i % 26), RECORD);
        result = bw_file_write(A, (uint64_t)i * RECORD, bytes, RECORD);
        if (result == 0) result = bw_file_sync(A);
        if (result == 0) bw_printf("synced %u\n", i + 1);
    }
    bw_printf("result %u\n", result);
}

static void verify(void) {
    struct bw_file_info info = {0};
    uint32_t result = bw_file_open(bw_use_look.cap, "records", BW_FILE_READ, BW_MAKE_NOTHING, A, &info), whole = 0;
    for (bool right = true; result == 0 && right && (uint64_t)(whole + 1) * RECORD <= info.bytes; whole += right) {
        size_t done = 0;
        result = bw_file_read(A, (uint64_t)whole * RECORD, back, RECORD, &done);
        for (uint32_t n = 0; n < RECORD; n++) right = right && back[n] == 'a' + whole % 26;
    }
    bw_printf("whole %u, result %u\n", whole, result);
}

int main(void) {
    const char *does = bw_arg("does");
    bw_console_open(bw_use_console.cap);
    if (strcmp(does, "files") == 0) files();
    if (strcmp(does, "directories") == 0) files(), bw_printf("--\n"), directories();
    if (strcmp(does, "rights") == 0) rights();
    if (strcmp(does, "lending") == 0) lending();
    if (strcmp(does, "losses") == 0) losses();
    if (strcmp(does, "quotas") == 0) quotas();
    if (strcmp(does, "full") == 0) full();
    if (strcmp(does, "records") == 0) records();
    if (strcmp(does, "verify") == 0) verify();
    return 0;
}
