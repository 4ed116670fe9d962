/*
 * The file server: directories and files as capabilities, on a store that lasts (store.h) over a part of a disk. Protocol: protocol.ts; limits and
 * behaviour: README.md.
 *
 * Invariants
 *   F1  A request reaches the node its badge names, what is in that directory, and the directory whose capability was sent along: there is no other way to name one.
 *   F2  A capability is made with no right that the one it is made from has not.
 *   F3  A client, and who holds what it lent, is told at its next sync when something it changed was lost; until then each change is on the disk, or before it.
 *   F4  What is done in a client's name keeps to its quota, whoever does it with what it was lent.
 */
#include <bailiwick.h>
#include <bailiwick/block.h>
#include <bailiwick/file-protocol.h>
#include <bailiwick/timer.h>

#include "handles.h"
#include "store.h"
#include "volume-block.h"

BW_USE(disk);
BW_USE(timer);

enum { SLOT_RECEIVED = 128, SLOT_MINTED, SLOT_BELL, SLOT_LENT, SLOT_DISK, SLOT_WINDOWS = SLOT_DISK + BW_BLOCK_SLOTS };
_Static_assert(SLOT_WINDOWS + CLIENTS <= 256, "all slots are there");
#define DISK_ADDRESS BW_ADDRESS_OWN
#define WINDOW_BYTES (2UL << 20)
#define WINDOWS_ADDRESS (BW_ADDRESS_OWN + 2 * BW_BLOCK_WINDOW)
#define IDLE_BIT (1ULL << 45)
#define DISK_BIT (1ULL << 52)
/* What is not synced is written this long after the first change. */
#define IDLE_NS 1000000000UL
enum { HEAP_BYTES = 1 << 20, MESSAGE_BYTES = 936, ENTRIES = 16 };

static struct bw_block disk;
static _Alignas(16) uint8_t heap[HEAP_BYTES];
static bool alarm_set;

static const uint32_t refusals[] = {
    [STORE_NOT_FOUND] = FILE_E_NOT_FOUND, [STORE_EXISTS] = FILE_E_EXISTS, [STORE_NOT_DIRECTORY] = FILE_E_NOT_DIRECTORY, [STORE_IS_DIRECTORY] = FILE_E_IS_DIRECTORY,
    [STORE_NOT_EMPTY] = FILE_E_NOT_EMPTY, [STORE_BAD_NAME] = FILE_E_BAD_NAME, [STORE_BAD_REQUEST] = FILE_E_BAD_REQUEST, [STORE_NO_SPACE] = FILE_E_NO_SPACE, [STORE_QUOTA] = FILE_E_QUOTA,
    [STORE_READ_ONLY] = FILE_E_NOT_ALLOWED, [STORE_DEVICE] = FILE_E_DISK, [STORE_CORRUPT] = FILE_E_CORRUPT, [STORE_NO_STORE] = FILE_E_CORRUPT, [STORE_NO_MEMORY] = FILE_E_NO_MEMORY,
};

/* Whose request it is and on what: set for each. */
static struct handle *node;
static struct client *client;
static struct debt *debt;

static uint64_t home_of(const struct client *c) { return offers[c->badge >> 16].node; }

/* What comes is done in this client's name. */
static void limit_to(struct client *c) {
    if (!c->quota_known) c->quota = bw_quota(c->badge, BW_QUOTA_BYTES, 0), c->quota_known = true;
    store_limit(home_of(c), c->quota);
}

/* 0, or a refusal. */
static uint32_t find(const struct bw_request *r, uint32_t rights) {
    if (!find_handle(r->badge, &node, &client)) return FILE_E_BAD_REQUEST;
    debt = debt_of(client, node);
    limit_to(client);
    return (node->rights & rights) == rights ? 0 : FILE_E_NOT_ALLOWED;
}

/* Before a change of the client's. */
static void changing(void) {
    if (debt->changed) return;
    *debt = (struct debt){.changed = true, .losses = store_losses()};
    if (alarm_set) return;
    const struct bw_msg now = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    bw_ipc()->caps[0] = SLOT_BELL;
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_ALARM, 1, 1), now.w[0] + IDLE_NS, 0, 0, 0);
    alarm_set = bw_error(&m) == 0 && bw_label(&m) == 0;
}

/* What was not lost is on the disk now, whosever it was. */
static void synced(void) { settle_debts(store_losses()); }

/* A capability as the answer's, for a new handle; 0: there is none. */
static uint32_t answer_with(struct bw_request *r, uint64_t badge) {
    if (badge == 0) return FILE_E_FULL;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY, badge) != 0) {
        (void)close_handle(badge);
        return FILE_E_FULL;
    }
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    return 0;
}

/* The request's byte string, copied: it is gone with the next system call. */
static bool take_bytes(struct bw_request *r, uint32_t words, uint64_t count, uint8_t *bytes, uint64_t most) {
    const uint8_t *found = count > most ? NULL : bw_request_bytes(r, words, count);
    if (found == NULL) return false;
    memcpy(bytes, found, count);
    return true;
}

static uint32_t do_info(struct bw_request *r) {
    struct store_status status;
    const uint32_t refusal = find(r, 0);
    if (refusal != 0) return refusal;
    const enum store_error error = store_stat(node->node, &status);
    r->w[0] = status.kind, r->w[1] = status.size, r->w[2] = node->rights;
    r->answer_length = error == STORE_OK ? 3 : 0;
    return refusals[error];
}

static uint32_t do_restrict(struct bw_request *r) {
    const uint32_t refusal = find(r, 0);
    if (refusal != 0) return refusal;
    const uint32_t rights = (uint32_t)r->w[0] & node->rights;
    r->w[0] = rights;
    r->answer_length = 1;
    return answer_with(r, make_handle(client, node, node->node, rights));
}

static uint32_t do_lend(struct bw_request *r) {
    const uint32_t refusal = find(r, 0);
    if (refusal != 0) return refusal;
    if (r->w[1] >= HANDLES_EACH) return FILE_E_BAD_REQUEST;
    const uint32_t rights = (uint32_t)r->w[0] & node->rights;
    r->w[0] = rights;
    r->answer_length = 1;
    return answer_with(r, lend_handle(client, node, rights, (uint32_t)r->w[1]));
}

static uint32_t do_close(struct bw_request *r) { return close_handle(r->badge) ? 0 : FILE_E_BAD_REQUEST; }

static uint32_t do_sync(struct bw_request *r) {
    const uint32_t refusal = find(r, 0);
    if (refusal != 0) return refusal;
    const enum store_error error = store_sync();
    const bool lost = debt->changed && debt->losses != store_losses();
    if (error == STORE_OK) synced();
    if (lost) debt->changed = false;
    return lost ? FILE_E_LOST : refusals[error];
}

enum { MAKE_NOTHING = 0, MAKE_FILE = 1, MAKE_DIRECTORY = 2, MAKE_ONLY = 4 };

static uint32_t do_open(struct bw_request *r) {
    uint8_t bytes[STORE_NAME];
    const uint64_t make = r->w[1] & ~(uint64_t)MAKE_ONLY, count = r->w[2];
    const bool only = (r->w[1] & MAKE_ONLY) != 0;
    uint32_t refusal = find(r, only ? 0 : RIGHT_READ);
    if (refusal != 0) return refusal;
    if (make > MAKE_DIRECTORY || (only && make == MAKE_NOTHING)) return FILE_E_BAD_REQUEST;
    if (count > STORE_NAME) return FILE_E_BAD_NAME;
    if (!take_bytes(r, 3, count, bytes, sizeof bytes)) return FILE_E_BAD_REQUEST;
    const struct store_name name = {bytes, count};
    struct store_status status = {0};
    enum store_error error = store_lookup(node->node, name, &status);
    if (error == STORE_OK && only) return FILE_E_EXISTS;
    if (error == STORE_NOT_FOUND && make != MAKE_NOTHING) {
        /* Without the directory itself, it is not there either. */
        if ((node->rights & (RIGHT_WRITE | RIGHT_APPEND)) == 0) return FILE_E_NOT_ALLOWED;
        changing();
        status = (struct store_status){.kind = make == MAKE_FILE ? STORE_FILE : STORE_DIRECTORY};
        error = store_create(node->node, name, status.kind, &status.id);
    }
    if (error != STORE_OK) return refusals[error];
    const uint32_t rights = (uint32_t)r->w[0] & node->rights;
    r->w[0] = status.kind, r->w[1] = status.size, r->w[2] = rights;
    refusal = answer_with(r, make_handle(client, node, status.id, rights));
    r->answer_length = refusal == 0 ? 3 : 0;
    return refusal;
}

static uint32_t do_remove(struct bw_request *r) {
    uint8_t bytes[STORE_NAME];
    const uint32_t refusal = find(r, RIGHT_WRITE);
    if (refusal != 0) return refusal;
    if (!take_bytes(r, 1, r->w[0], bytes, sizeof bytes)) return r->w[0] > STORE_NAME ? FILE_E_BAD_NAME : FILE_E_BAD_REQUEST;
    changing();
    return refusals[store_remove(node->node, (struct store_name){bytes, r->w[0]})];
}

static uint32_t do_rename(struct bw_request *r) {
    uint8_t bytes[2 * STORE_NAME];
    const uint64_t count = r->w[1], new_count = r->w[2];
    uint32_t refusal = find(r, RIGHT_WRITE);
    if (refusal != 0) return refusal;
    if (count > STORE_NAME || new_count > STORE_NAME) return FILE_E_BAD_NAME;
    if (r->w[0] > STORE_REPLACE || !take_bytes(r, 3, count + new_count, bytes, sizeof bytes)) return FILE_E_BAD_REQUEST;
    const struct handle *from = node;
    struct client *mover = client;
    if (r->caps > 0) {
        /* A capability to this server comes as its badge. */
        if (r->caps != 1 || r->unwrapped != 1 || !find_handle(bw_ipc()->caps[0], &node, &client)) return FILE_E_NO_CAPABILITY;
        if ((node->rights & RIGHT_WRITE) == 0) return FILE_E_NOT_ALLOWED;
        /* It would get more rights by the move than it had, or take them from others. */
        if (node->rights != from->rights) return FILE_E_NOT_ALLOWED;
        limit_to(client);
    }
    client = mover;
    changing();
    return refusals[store_rename(from->node, (struct store_name){bytes, count}, node->node, (struct store_name){bytes + count, new_count}, (enum store_replace)r->w[0])];
}

static uint32_t do_list(struct bw_request *r) {
    static struct store_entry entries[ENTRIES];
    uint8_t bytes[STORE_NAME];
    size_t found = 0, used = 0, taken = 0;
    const uint32_t refusal = find(r, RIGHT_READ);
    if (refusal != 0) return refusal;
    if (!take_bytes(r, 1, r->w[0], bytes, sizeof bytes)) return FILE_E_BAD_REQUEST;
    const enum store_error error = store_list(node->node, (struct store_name){bytes, r->w[0]}, entries, ENTRIES, &found);
    if (error != STORE_OK) return refusals[error];
    uint8_t *room = bw_answer_room(2);
    for (; taken < found; taken++) {
        const struct store_entry *e = &entries[taken];
        const size_t bytes_of = 10U + e->length;
        if (used + bytes_of > MESSAGE_BYTES) break;
        room[used] = (uint8_t)e->kind;
        room[used + 1] = e->length;
        for (uint32_t i = 0; i < 8; i++) room[used + 2 + i] = (uint8_t)(e->size >> 8 * i);
        memcpy(&room[used + 10], e->name, e->length);
        used += bytes_of;
    }
    r->w[0] = taken, r->w[1] = used;
    bw_answer_bytes(r, 2, used);
    return 0;
}

static uint32_t do_usage(struct bw_request *r) {
    struct store_usage usage = {0};
    const uint32_t refusal = find(r, RIGHT_READ);
    if (refusal != 0) return refusal;
    const enum store_error error = store_usage(node->node, &usage);
    if (node->node == home_of(client) && client->quota != 0 && (usage.quota == 0 || client->quota < usage.quota)) usage.quota = client->quota;
    r->w[0] = usage.bytes, r->w[1] = usage.quota;
    r->answer_length = error == STORE_OK ? 2 : 0;
    return refusals[error];
}

static uint32_t do_set_quota(struct bw_request *r) {
    const uint32_t refusal = find(r, RIGHT_QUOTA);
    if (refusal != 0) return refusal;
    changing();
    return refusals[store_set_quota(node->node, r->w[0])];
}

static uint32_t do_space(struct bw_request *r) {
    struct store_space space = {0};
    const uint32_t refusal = find(r, RIGHT_READ);
    if (refusal != 0) return refusal;
    const enum store_error error = store_space(&space);
    r->w[0] = space.total, r->w[1] = space.free;
    r->answer_length = error == STORE_OK ? 2 : 0;
    return refusals[error];
}

/* What files hold. */

static uint32_t do_read(struct bw_request *r) {
    static uint8_t bytes[MESSAGE_BYTES];
    size_t done = 0;
    const uint32_t refusal = find(r, RIGHT_READ);
    if (refusal != 0) return refusal;
    if (r->w[1] > MESSAGE_BYTES) return FILE_E_BAD_REQUEST;
    const enum store_error error = store_read(node->node, r->w[0], bytes, r->w[1], &done);
    if (error != STORE_OK) return refusals[error];
    memcpy(bw_answer_room(1), bytes, done);
    r->w[0] = done;
    bw_answer_bytes(r, 1, done);
    return 0;
}

static uint32_t do_write(struct bw_request *r) {
    static uint8_t bytes[MESSAGE_BYTES];
    const uint32_t refusal = find(r, RIGHT_WRITE);
    if (refusal != 0) return refusal;
    if (!take_bytes(r, 2, r->w[1], bytes, sizeof bytes)) return FILE_E_BAD_REQUEST;
    changing();
    return refusals[store_write(node->node, r->w[0], bytes, r->w[1])];
}

/* Who may change a file may also add to it. */
static uint32_t find_to_append(const struct bw_request *r) {
    const uint32_t refusal = find(r, 0);
    if (refusal != 0) return refusal;
    return (node->rights & (RIGHT_WRITE | RIGHT_APPEND)) != 0 ? 0 : FILE_E_NOT_ALLOWED;
}

static uint32_t do_append(struct bw_request *r) {
    static uint8_t bytes[MESSAGE_BYTES];
    const uint32_t refusal = find_to_append(r);
    if (refusal != 0) return refusal;
    if (!take_bytes(r, 1, r->w[0], bytes, sizeof bytes)) return FILE_E_BAD_REQUEST;
    changing();
    const enum store_error error = store_append(node->node, bytes, r->w[0], &r->w[0]);
    r->answer_length = error == STORE_OK;
    return refusals[error];
}

static uint32_t do_truncate(struct bw_request *r) {
    const uint32_t refusal = find(r, RIGHT_WRITE);
    if (refusal != 0) return refusal;
    changing();
    return refusals[store_truncate(node->node, r->w[0])];
}

/* Windows: the server's memory, one for each client that asks. */

static uint8_t *window_of(const struct client *c) { return (uint8_t *)(WINDOWS_ADDRESS + (uint64_t)(c - clients) * WINDOW_BYTES); }

static uint32_t do_window(struct bw_request *r) {
    const uint32_t refusal = find(r, 0);
    if (refusal != 0) return refusal;
    /* It would be memory that all share to whom this client lends. */
    if (is_lent(client, node)) return FILE_E_NOT_ALLOWED;
    const bw_cptr slot = SLOT_WINDOWS + (bw_cptr)(client - clients);
    if (!client->has_window) {
        if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, slot) != 0) return FILE_E_FULL;
        if (bw_frame_map(slot, (uint64_t)window_of(client), BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) {
            (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
            return FILE_E_FULL;
        }
        client->has_window = true;
    }
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_LENT);
    if (bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT, BW_SLOT_CNODE, slot, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return FILE_E_FULL;
    bw_ipc()->caps[r->answer_caps++] = SLOT_LENT;
    return 0;
}

/* A piece of the client's window; NULL: it is not all in it. */
static uint8_t *in_window(uint64_t at, uint64_t count) {
    if (!client->has_window || is_lent(client, node) || count > STORE_PIECE || at > WINDOW_BYTES || count > WINDOW_BYTES - at) return NULL;
    return window_of(client) + at;
}

static uint32_t do_read_window(struct bw_request *r) {
    size_t done = 0;
    const uint32_t refusal = find(r, RIGHT_READ);
    if (refusal != 0) return refusal;
    uint8_t *bytes = in_window(r->w[2], r->w[1]);
    if (bytes == NULL) return FILE_E_BAD_REQUEST;
    const enum store_error error = store_read(node->node, r->w[0], bytes, r->w[1], &done);
    r->w[0] = done;
    r->answer_length = error == STORE_OK;
    return refusals[error];
}

static uint32_t do_write_window(struct bw_request *r) {
    const uint32_t refusal = find(r, RIGHT_WRITE);
    if (refusal != 0) return refusal;
    const uint8_t *bytes = in_window(r->w[2], r->w[1]);
    if (bytes == NULL) return FILE_E_BAD_REQUEST;
    changing();
    return refusals[store_write(node->node, r->w[0], bytes, r->w[1])];
}

static uint32_t do_append_window(struct bw_request *r) {
    const uint32_t refusal = find_to_append(r);
    if (refusal != 0) return refusal;
    const uint8_t *bytes = in_window(r->w[1], r->w[0]);
    if (bytes == NULL) return FILE_E_BAD_REQUEST;
    changing();
    const enum store_error error = store_append(node->node, bytes, r->w[0], &r->w[0]);
    r->answer_length = error == STORE_OK;
    return refusals[error];
}

/* The alarm: what nobody has synced is written, then what was removed is freed, a piece at a time. */

static bool idle_due;

static void notified(uint64_t bits) {
    if ((bits & IDLE_BIT) == 0) return;
    alarm_set = false;
    idle_due = true;
}

static bool turn(void) {
    bool more = false;
    if (!idle_due) return false;
    if (store_idle(&more) == STORE_OK) synced();
    else more = false;
    idle_due = more;
    return more;
}

/* The beginning: the disk, the store, what the offers name. */

/* The directory at a path of names with '/' between, made where it is not there. */
static enum store_error directory_at(const char *path, uint64_t *id) {
    *id = STORE_ROOT;
    while (*path != 0) {
        const char *end = path;
        while (*end != 0 && *end != '/') end++;
        const struct store_name name = {path, (size_t)(end - path)};
        struct store_status status = {.kind = STORE_DIRECTORY};
        enum store_error error = store_lookup(*id, name, &status);
        if (error == STORE_NOT_FOUND) error = store_create(*id, name, STORE_DIRECTORY, &status.id);
        if (error != STORE_OK) return error;
        if (status.kind != STORE_DIRECTORY) return STORE_NOT_DIRECTORY;
        *id = status.id;
        path = *end == '/' ? end + 1 : end;
    }
    return STORE_OK;
}

static const char *complaint_of(enum store_error error) {
    switch (error) {
    case STORE_NO_STORE: return "there is no store on the disk; with 'args: { format: 1 }' one is made where there is none";
    case STORE_NO_SPACE: return "the disk has no room for an offer's directory";
    case STORE_CORRUPT: return "the store on the disk is damaged";
    case STORE_READ_ONLY: return "the disk cannot be written";
    case STORE_DEVICE: return "the disk failed";
    default: return "the store cannot be opened";
    }
}

static bool open_store(void) {
    static struct volume volume;
    volume = volume_over(&disk);
    if (volume.sectors < STORE_LEAST_SECTORS) {
        bw_log("the disk, or its part, is too small for a store: it takes 2052 KiB");
        return false;
    }
    enum store_error error = store_open(&volume, heap, sizeof heap);
    if (error == STORE_NO_STORE && bw_arg_number("format", 0) == 1) {
        error = store_format(&volume, heap, sizeof heap);
        if (error == STORE_OK) error = store_open(&volume, heap, sizeof heap);
    }
    if (error != STORE_OK) bw_log(complaint_of(error));
    return error == STORE_OK;
}

static bool share_out(void) {
    for (uint32_t i = 0; i < OFFERS && bw_offer(i) != NULL; i++) {
        const char *offer = bw_offer(i), *path = bw_arg_in(offer, "directory"), *rights = bw_arg_in(offer, "rights"), *quota = bw_arg_in(offer, "quota");
        uint64_t limit = 0, id = 0;
        uint32_t bits = rights == NULL ? ALL_RIGHTS & ~(uint32_t)RIGHT_QUOTA : 0;
        for (; rights != NULL && *rights != 0; rights++) bits |= *rights == 'r' ? RIGHT_READ : *rights == 'w' ? RIGHT_WRITE : *rights == 'a' ? RIGHT_APPEND : *rights == 'q' ? RIGHT_QUOTA : 1U << 31;
        for (const char *digit = quota; digit != NULL && *digit != 0; digit++) limit = *digit < '0' || *digit > '9' || limit > UINT32_MAX * 1000UL ? UINT64_MAX : limit * 10 + (uint64_t)(*digit - '0');
        if (bits > ALL_RIGHTS || limit == UINT64_MAX) {
            bw_log("an offer's args: 'rights' are letters of 'rwaq', 'quota' is in bytes");
            return false;
        }
        enum store_error error = directory_at(path == NULL ? "" : path, &id);
        if (error == STORE_OK && quota != NULL) error = store_set_quota(id, limit);
        if (error != STORE_OK) {
            bw_log(error == STORE_BAD_NAME || error == STORE_NOT_DIRECTORY ? "an offer's 'directory' is no path of directories" : complaint_of(error));
            return false;
        }
        offers[i] = (struct handle){.node = id, .rights = bits};
    }
    return store_sync() == STORE_OK;
}

int main(void) {
    if (bw_block_open(&disk, bw_use_disk.cap, SLOT_DISK, DISK_ADDRESS, DISK_BIT) != 0 || bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, IDLE_BIT) != 0) {
        bw_log("there is no disk");
        return 1;
    }
    if (!open_store() || !share_out()) return 1;
    static const struct bw_method methods[] = {
        {.label = FILE_INFO, .words = 0, .handle = do_info},
        {.label = FILE_RESTRICT, .words = 1, .handle = do_restrict},
        {.label = FILE_CLOSE, .words = 0, .handle = do_close},
        {.label = FILE_SYNC, .words = 0, .handle = do_sync},
        {.label = FILE_OPEN, .words = 3, .handle = do_open},
        {.label = FILE_REMOVE, .words = 1, .handle = do_remove},
        {.label = FILE_RENAME, .words = 3, .handle = do_rename},
        {.label = FILE_LIST, .words = 1, .handle = do_list},
        {.label = FILE_USAGE, .words = 0, .handle = do_usage},
        {.label = FILE_SET_QUOTA, .words = 1, .handle = do_set_quota},
        {.label = FILE_READ, .words = 2, .handle = do_read},
        {.label = FILE_WRITE, .words = 2, .handle = do_write},
        {.label = FILE_APPEND, .words = 1, .handle = do_append},
        {.label = FILE_TRUNCATE, .words = 1, .handle = do_truncate},
        {.label = FILE_WINDOW, .words = 0, .handle = do_window},
        {.label = FILE_READ_WINDOW, .words = 3, .handle = do_read_window},
        {.label = FILE_WRITE_WINDOW, .words = 3, .handle = do_write_window},
        {.label = FILE_APPEND_WINDOW, .words = 2, .handle = do_append_window},
        {.label = FILE_SPACE, .words = 0, .handle = do_space},
        {.label = FILE_LEND, .words = 2, .handle = do_lend},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = FILE_E_BAD_REQUEST, .notified = notified, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
