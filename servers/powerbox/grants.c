/* grants.c: see grants.h. */
#include <bailiwick/file-protocol.h>
#include <bailiwick/file.h>

#include "grants.h"
#include "requests.h"
#include "show.h"
#include "slots.h"

/* What the program may make of what it was given, and what that takes of the powerbox's 64; some are for the powerbox's own steps. */
enum { FILE_MAKES = 1, DIRECTORY_MAKES = 11, ACCOUNT = 60 };
_Static_assert(ACCOUNT / (1 + FILE_MAKES) <= GRANTS, "a place for each");

static struct grant {
    /* 0: free. */
    uint64_t client;
    uint32_t rights;
    uint32_t kind;
    char path[PATH_TEXT];
} grants[GRANTS];

static bw_cptr cap_of(const struct grant *g) { return SLOT_GRANTS + (bw_cptr)(g - grants); }
static uint32_t cost_of(uint32_t kind) { return 1 + (kind == BW_KIND_OF_DIRECTORY ? DIRECTORY_MAKES : FILE_MAKES); }

static void forget(struct grant *g) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, cap_of(g));
    g->client = 0;
}

/* A program may have given it back itself, by closing it. */
static bool is_there(struct grant *g) {
    struct bw_file_info info;
    if (g->client == 0) return false;
    const uint32_t result = bw_file_info(cap_of(g), &info);
    if (result != FILE_E_BAD_REQUEST && result != BW_FILE_GONE) return true;
    forget(g);
    return false;
}

static struct grant *find_place(uint32_t kind) {
    uint32_t used = 0;
    struct grant *free = NULL;
    for (struct grant *g = grants; g < &grants[GRANTS]; g++) {
        if (is_there(g)) used += cost_of(g->kind);
        else if (free == NULL) free = g;
    }
    return used + cost_of(kind) > ACCOUNT ? NULL : free;
}

bool grant_has_room(uint32_t kind) { return find_place(kind) != NULL; }

uint32_t grant_make(bw_cptr node, uint64_t client, uint32_t rights, uint32_t kind, const char *path, bw_cptr *cap) {
    struct grant *free = find_place(kind);
    if (free == NULL) return FILE_E_FULL;
    const uint32_t result = bw_file_lend(node, rights, cost_of(kind) - 1, cap_of(free));
    if (result != 0) return result;
    *free = (struct grant){.client = client, .rights = rights, .kind = kind};
    memcpy(free->path, path, strlen(path) + 1);
    *cap = cap_of(free);
    return 0;
}

/* Closed, and if the file server is away, ended with it. */
static void end(struct grant *g) {
    (void)bw_file_close(cap_of(g));
    forget(g);
}

void grant_undo(bw_cptr cap) { end(&grants[cap - SLOT_GRANTS]); }

void grants_show(void) {
    uint32_t number = 0;
    for (struct grant *g = grants; g < &grants[GRANTS]; g++) {
        if (!is_there(g)) continue;
        if (number++ == 0) bw_puts("Given, until it is taken back (t and the number):");
        bw_printf("  %2u  %s may %s %s\n", (uint32_t)(g - grants) + 1, client_name(g->client), rights_text(g->rights, g->kind), g->path);
    }
    if (number == 0) bw_puts("Nothing is given to anybody.");
}

bool grant_take_back(uint64_t number) {
    if (number == 0 || number > GRANTS || !is_there(&grants[number - 1])) return false;
    struct grant *g = &grants[number - 1];
    bw_printf("%s may not %s %s any more.\n", client_name(g->client), rights_text(g->rights, g->kind), g->path);
    log_all((const char *const[]){"taken back from ", client_name(g->client), ", who could ", rights_text(g->rights, g->kind), " ", g->path, NULL});
    end(g);
    return true;
}
