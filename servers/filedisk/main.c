/*
 * A file as a disk: one file of the file server, one client, which lends the memory that the data goes through, as to a driver of a device. What the client
 * can do by it is its own disk's: this program has one directory, and names one file in it. Protocol: that of blk; behaviour: README.md.
 *
 * Invariants
 *   K1  A request's numbers are this program's own copy, and are checked against the file's size and the windows before anything is done.
 *   K2  A request is taken only when there is room for its answer.
 */
#include <bailiwick.h>
#include <bailiwick/block.h>
#include <bailiwick/blockdriver.h>
#include <bailiwick/file-protocol.h>
#include <bailiwick/file.h>

BW_USE(directory);

enum { WINDOWS = 16, PAGES = 8, PIECE = 8, MOST_BYTES = 65536 };
/* The upper half of the CSpace is the program's own. */
enum { SLOT_RECEIVED = 128, SLOT_FILE, SLOT_OWN_WINDOW, SLOT_WINDOWS, SLOT_CHANNEL = SLOT_WINDOWS + WINDOWS };
_Static_assert(SLOT_CHANNEL + BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(PAGES) <= 256, "all slots are there");
#define OWN_WINDOW (BW_ADDRESS_OWN + BW_BLOCK_WINDOW)
#define WINDOWS_ADDRESS (BW_ADDRESS_OWN + 2UL * BW_BLOCK_WINDOW)

static uint64_t sectors;
static bool read_only;
/* What each window allows: 0 for none. */
static uint32_t windows[WINDOWS];
static struct bw_accepted channels[1];
static struct bw_acceptor acceptor = {
    .channels = channels, .count = 1, .pages = PAGES, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .first_bit = 1ULL << 52, .received = SLOT_RECEIVED,
};

static uint32_t check(const struct bw_block_request *r) {
    if (!bw_block_makes_sense(r, sectors, MOST_BYTES)) return BW_BLOCK_BAD;
    const uint32_t needs = r->operation == BW_BLOCK_READ ? BW_RIGHT_WRITE : BW_RIGHT_READ;
    if (r->window >= WINDOWS || (windows[r->window] & needs) == 0) return BW_BLOCK_BAD;
    return r->operation == BW_BLOCK_WRITE && read_only ? BW_BLOCK_READ_ONLY : BW_BLOCK_OK;
}

static uint32_t answer_of(uint32_t result) { return result == 0 ? BW_BLOCK_OK : result == FILE_E_QUOTA || result == FILE_E_NO_SPACE ? BW_BLOCK_QUOTA : BW_BLOCK_FAILED; }

static uint32_t perform(const struct bw_block_request *r) {
    if (r->operation == BW_BLOCK_FLUSH) return answer_of(bw_file_sync(SLOT_FILE));
    const uint32_t refused = check(r);
    if (refused != BW_BLOCK_OK) return refused;
    uint8_t *theirs = (uint8_t *)(WINDOWS_ADDRESS + (uint64_t)r->window * BW_BLOCK_WINDOW + r->offset), *own = (uint8_t *)OWN_WINDOW;
    if (r->operation == BW_BLOCK_WRITE) {
        memcpy(own, theirs, r->bytes);
        return answer_of(bw_file_write_window(SLOT_FILE, r->sector * BW_SECTOR, r->bytes, 0));
    }
    size_t done = 0;
    const uint32_t result = bw_file_read_window(SLOT_FILE, r->sector * BW_SECTOR, r->bytes, 0, &done);
    if (result == 0 && done == r->bytes) memcpy(theirs, own, r->bytes);
    return result != 0 ? answer_of(result) : done == r->bytes ? BW_BLOCK_OK : BW_BLOCK_FAILED;
}

static bool turn(void) {
    struct bw_accepted *c = &channels[0];
    struct bw_block_request request;
    if (c->client == 0 || !c->has_in || !c->has_out) return false;
    for (uint32_t taken = 0; taken < PIECE; taken++) {
        /* K2. Woken when there is room again. */
        if (bw_sendable(&c->out) == 0 && bw_sender_sleeps(&c->out)) return false;
        if (bw_try_receive(&c->in, &request) != BW_RING_DONE) return !bw_receiver_sleeps(&c->in);
        const struct bw_block_answer answer = {.id = request.id, .result = perform(&request)};
        (void)bw_try_send(&c->out, &answer);
    }
    return true;
}

static uint32_t do_info(struct bw_request *r) {
    r->w[0] = sectors, r->w[1] = MOST_BYTES, r->w[2] = read_only;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_window(struct bw_request *r) {
    uint32_t kind = 0, rights = 0;
    if (r->w[0] >= WINDOWS) return BLOCK_DRIVER_E_BAD_REQUEST;
    if (r->caps != 1 || r->unwrapped != 0 || bw_discrim_classify(BW_SLOT_DISCRIM, SLOT_RECEIVED, &kind, &rights) != 0 || kind != BW_KIND_FRAME) return BLOCK_DRIVER_E_NO_CAPABILITY;
    const bw_cptr slot = SLOT_WINDOWS + r->w[0];
    windows[r->w[0]] = 0;
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    rights &= BW_RIGHT_READ | BW_RIGHT_WRITE;
    /* Only a frame of 2 MiB goes where there is no page table. */
    if (bw_cnode_move(BW_SLOT_CNODE, slot, BW_SLOT_CNODE, SLOT_RECEIVED) != 0 || bw_frame_map(slot, WINDOWS_ADDRESS + r->w[0] * BW_BLOCK_WINDOW, BW_SLOT_VSPACE, rights) != 0) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
        return BLOCK_DRIVER_E_NO_CAPABILITY;
    }
    windows[r->w[0]] = rights;
    return 0;
}

static uint32_t do_open(struct bw_request *r) {
    /* A message is copied into what this program has for one: a longer one would be written beyond it. */
    if (r->w[1] != sizeof(struct bw_block_request) || r->w[3] != sizeof(struct bw_block_answer)) return BLOCK_DRIVER_E_BAD_REQUEST;
    return bw_accept(&acceptor, r);
}
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

/* The file, as long as the manifest says, or as it is. */
static const char *open_file(void) {
    const char *name = bw_arg("file");
    struct bw_file_info info = {0};
    const uint64_t wanted = bw_arg_number("sectors", 0);
    if (name == NULL) return "args.file: the name of a file in the directory";
    if (wanted > UINT64_MAX / BW_SECTOR) return "args.sectors: a number of sectors of 512 bytes";
    uint32_t result = bw_file_open(bw_use_directory.cap, name, BW_FILE_READ | BW_FILE_WRITE, BW_MAKE_NOTHING, SLOT_FILE, &info);
    if (result == FILE_E_NOT_FOUND && wanted > 0) result = bw_file_open(bw_use_directory.cap, name, BW_FILE_READ | BW_FILE_WRITE, BW_MAKE_FILE, SLOT_FILE, &info);
    if (result != 0 || info.kind != BW_KIND_OF_FILE) return result == FILE_E_NOT_FOUND ? "there is no such file; with args.sectors it is made" : "the file cannot be opened";
    read_only = (info.rights & BW_FILE_WRITE) == 0;
    if (wanted * BW_SECTOR > info.bytes) {
        /* What is never written reads as zeros, and counts as if it were: the client is not told later that there is no room. */
        if (read_only || bw_file_truncate(SLOT_FILE, wanted * BW_SECTOR) != 0 || bw_file_sync(SLOT_FILE) != 0) return "there is no room for the file at args.sectors";
        info.bytes = wanted * BW_SECTOR;
    }
    sectors = wanted > 0 ? wanted : info.bytes / BW_SECTOR;
    if (sectors == 0) return "the file is shorter than a sector; with args.sectors it is made longer";
    return bw_file_window(SLOT_FILE, SLOT_OWN_WINDOW, OWN_WINDOW) == 0 ? NULL : "the file server has no window left";
}

int main(void) {
    const char *complaint = bw_acceptor_init(&acceptor) != 0 ? "the server's memory does not suffice for its channel" : open_file();
    if (complaint != NULL) {
        bw_log(complaint);
        return 1;
    }
    static const struct bw_method methods[] = {
        {.label = BLOCK_DRIVER_INFO, .words = 0, .handle = do_info},
        {.label = BLOCK_DRIVER_WINDOW, .words = 1, .handle = do_window},
        {.label = BLOCK_DRIVER_OPEN, .words = 4, .handle = do_open},
        {.label = BLOCK_DRIVER_MEMORY, .words = 1, .handle = do_memory},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = BLOCK_DRIVER_E_BAD_REQUEST, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
