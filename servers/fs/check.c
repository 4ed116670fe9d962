/* check.c: all of the store against what must hold. SQLite's own check comes first; only then do the trees that ours walk end. */
#include <string.h>

#include "state.h"

/* Each finds what must not be. A directory is higher than those in it, so there is no circle, and whoever has no parent is the root. */
static const struct {
    const char *what, *text;
} finds[] = {
    {"a node has a value that cannot be", "SELECT id FROM nodes WHERE id<1 OR typeof(name)<>'blob' OR length(name)>255 OR kind NOT IN (1, 2) OR size<0 OR size>1<<40 OR data<1 OR quota<0 OR height<0 OR height>32 "
                                          "OR (kind=1 AND (height<>0 OR quota<>0)) OR (kind=2 AND size<>0) OR (id<>1 AND length(name)=0) LIMIT 1"},
    {"a node is in no directory", "SELECT n.id FROM nodes n LEFT JOIN nodes p ON p.id=n.parent WHERE n.id<>1 AND (p.id IS NULL OR p.kind<>2) LIMIT 1"},
    {"the root is none", "SELECT 1 WHERE NOT EXISTS (SELECT id FROM nodes WHERE id=1 AND parent=0 AND kind=2) OR EXISTS (SELECT id FROM nodes WHERE parent=0 AND id<>1)"},
    {"a file counts wrong", "SELECT id FROM nodes WHERE kind=1 AND usage<>1024+(size+4095)/4096*4096 LIMIT 1"},
    {"a directory counts wrong", "SELECT d.id FROM nodes d WHERE kind=2 AND usage<>1024+(SELECT coalesce(sum(n.usage), 0) FROM nodes n WHERE n.parent=d.id) LIMIT 1"},
    {"a directory's height is wrong", "SELECT d.id FROM nodes d WHERE kind=2 AND height<>1+(SELECT coalesce(max(n.height), 0) FROM nodes n WHERE n.parent=d.id) LIMIT 1"},
    {"a chunk is no bytes or too long", "SELECT key FROM chunks WHERE typeof(bytes)<>'blob' OR length(bytes)>4096 LIMIT 1"},
    {"a chunk reaches beyond its file's end", "SELECT n.id FROM nodes n JOIN chunks c ON c.key=(n.data<<28)+n.size/4096 WHERE n.kind=1 AND length(c.bytes)>n.size%4096 "
                                              "AND NOT EXISTS (SELECT data FROM garbage g WHERE g.data=n.data AND g.first<=n.size/4096) LIMIT 1"},
    {"a chunk is nobody's, or more than one's", "SELECT 1 WHERE (SELECT count(*) FROM chunks)<>(SELECT coalesce(sum((SELECT count(*) FROM chunks c WHERE c.key>=n.data<<28 AND c.key<(n.data<<28)+(n.size+4095)/4096)), 0) "
                                                "FROM nodes n WHERE kind=1)+(SELECT coalesce(sum((SELECT count(*) FROM chunks c WHERE c.key>=(g.data<<28)+g.first AND c.key<(g.data+1)<<28)), 0) FROM garbage g)"},
    {"an id that is yet to be given is in use", "SELECT 1 WHERE (SELECT value FROM state WHERE id=1)<=max((SELECT max(id) FROM nodes), (SELECT max(data) FROM nodes), coalesce((SELECT max(data) FROM garbage), 0))"},
};

static void say(char *what, size_t room, const char *text) {
    size_t length = strlen(text);
    if (room == 0) return;
    if (length > room - 1) length = room - 1;
    memcpy(what, text, length);
    what[length] = '\0';
}

static enum store_error check_database(char *what, size_t room) {
    struct answer answer = {.statement = NULL};
    enum store_error e = error_of(sqlite3_prepare_v2(store.connection, "PRAGMA integrity_check(1)", -1, &answer.statement, NULL));
    if (e != STORE_OK) return e;
    e = answer_next(&answer);
    const char *text = e == STORE_OK ? (const char *)sqlite3_column_text(answer.statement, 0) : NULL;
    const bool sound = text != NULL && strcmp(text, "ok") == 0;
    if (text != NULL && !sound) say(what, room, text);
    (void)sqlite3_finalize(answer.statement);
    return e == STORE_OK || e == STORE_NOT_FOUND ? (sound ? STORE_OK : STORE_CORRUPT) : e;
}

static enum store_error find(const char *text, bool *found) {
    uint64_t number;
    const enum store_error e = number_of(text, &number);
    *found = number != 0;
    return e;
}

static enum store_error check(char *what, size_t room) {
    store.budget = 0;
    enum store_error e = check_database(what, room);
    for (size_t i = 0; i < sizeof finds / sizeof *finds && e == STORE_OK; i++) {
        bool found;
        e = find(finds[i].text, &found);
        if (e == STORE_OK && found) e = STORE_CORRUPT;
        if (e == STORE_CORRUPT) say(what, room, finds[i].what);
    }
    return e;
}

enum store_error store_check(char *what, size_t room) {
    say(what, room, "");
    const enum store_error e = store_sync();
    return finish(e == STORE_OK ? check(what, room) : e);
}
