/* account.c: what directories hold in bytes, their quotas, and the room on the volume. */
#include "state.h"

#include "vfs.h"

/* Pages that only what frees others may use: taking away can need a page or two before it gives any. */
enum { KEPT_PAGES = 24, GROWTH_PAGES = 12 };

/* Whose operations they are may fill up this directory so far. */
static struct {
    uint64_t directory, bytes;
} limit;

void store_limit(uint64_t directory, uint64_t bytes) {
    limit.directory = directory;
    limit.bytes = bytes;
}

/* 0: it has none. */
static uint64_t quota_of(const struct node *node) {
    const bool limited = limit.bytes != 0 && node->id == limit.directory;
    return limited && (node->quota == 0 || limit.bytes < node->quota) ? limit.bytes : node->quota;
}

enum store_error check_quota(const struct chain *chain, uint32_t shared, uint64_t more) {
    for (uint32_t i = 0; i + shared < chain->count && more > 0; i++) {
        const struct node *node = &chain->nodes[i];
        const uint64_t quota = quota_of(node);
        if (quota != 0 && (node->usage > quota || more > quota - node->usage)) return STORE_QUOTA;
    }
    return STORE_OK;
}

enum store_error add_usage(struct chain *chain, uint64_t more, uint64_t less) {
    if (more == less) return STORE_OK;
    for (uint32_t i = 0; i < chain->count; i++) {
        struct node *node = &chain->nodes[i];
        if (node->usage + more < less + STORE_NODE_BYTES || node->usage + more - less > MOST_USAGE) return STORE_CORRUPT;
        node->usage = node->usage + more - less;
        const enum store_error e = change(QUERY_SET_USAGE, (const struct value[]){NUMBER(node->id), NUMBER(node->usage)}, 2);
        if (e != STORE_OK) return e;
    }
    return STORE_OK;
}

static enum store_error ask_pages(enum query query, uint64_t *pages) {
    struct answer answer;
    const enum store_error e = ask(&answer, query, NULL, 0);
    if (e != STORE_OK) return e == STORE_NOT_FOUND ? STORE_CORRUPT : e;
    *pages = answer_number(&answer, 0, UINT32_MAX);
    return answer_end(&answer);
}

static enum store_error free_pages(uint64_t *count) {
    const uint64_t most = store.layout.database.sectors * VOLUME_SECTOR / VFS_PAGE;
    uint64_t used = 0, unused = 0;
    enum store_error e = ask_pages(QUERY_PAGES, &used);
    if (e == STORE_OK) e = ask_pages(QUERY_FREE_PAGES, &unused);
    if (e == STORE_OK && (used > most || unused > used)) e = STORE_CORRUPT;
    *count = e == STORE_OK ? most - used + unused : 0;
    return e;
}

enum store_error make_room(uint64_t chunks) {
    const uint64_t wanted = chunks + chunks / 4 + GROWTH_PAGES + KEPT_PAGES;
    for (bool more = true; more;) {
        uint64_t there;
        enum store_error e = free_pages(&there);
        if (e != STORE_OK || there >= wanted) return e;
        e = free_piece(&more);
        if (e == STORE_OK && more) e = commit();
        if (e != STORE_OK) return e;
    }
    return STORE_NO_SPACE;
}

enum store_error store_usage(uint64_t directory, struct store_usage *usage) {
    struct node node;
    enum store_error e = begin_look();
    if (e == STORE_OK) e = load_directory(directory, &node);
    if (e == STORE_OK) *usage = (struct store_usage){.bytes = node.usage, .quota = node.quota};
    return finish(e);
}

enum store_error store_set_quota(uint64_t directory, uint64_t bytes) {
    struct node node;
    enum store_error e = begin_change();
    if (e == STORE_OK && bytes > MOST_USAGE) e = STORE_BAD_REQUEST;
    if (e == STORE_OK) e = load_directory(directory, &node);
    if (e == STORE_OK) e = change(QUERY_SET_QUOTA, (const struct value[]){NUMBER(directory), NUMBER(bytes)}, 2);
    return finish(e);
}

enum store_error store_space(struct store_space *space) {
    uint64_t pages = 0;
    enum store_error e = begin_look();
    if (e == STORE_OK) e = free_pages(&pages);
    const uint64_t kept = KEPT_PAGES + GROWTH_PAGES;
    if (e == STORE_OK) *space = (struct store_space){.total = store.layout.database.sectors * VOLUME_SECTOR, .free = pages > kept ? (pages - kept) * VFS_PAGE / 5 * 4 : 0};
    return finish(e);
}
