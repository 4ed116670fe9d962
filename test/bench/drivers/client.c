/*
 * The client of `npm run bench -- drivers`: keeps DEPTH requests on their way to a disk, whose data it never looks at, and says when each pattern begins
 * and ends. Its disk is the block server's, or the driver's own: then it lends the memory for the data itself. args: driver (1), large, small: requests.
 */
#include <bailiwick.h>
#include <bailiwick/block.h>
#include <bailiwick/blockdriver.h>

BW_USE(disk);

enum { DEPTH = 8, SLOT_FRAME = 128, SLOT_LENT, SLOT_BLOCK };

static struct bw_block disk;

/* As the block server does it for its clients. */
static bw_err open_driver(void) {
    const struct bw_msg info = bw_call(bw_use_disk.cap, bw_info(BLOCK_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    if (bw_error(&info) != 0 || bw_label(&info) != 0) return BW_ERR_ILLEGAL_OPERATION;
    disk.sectors = info.w[0];
    const struct bw_channel_wish wish = {
        .to_server = {2 * DEPTH, sizeof(struct bw_block_request)}, .from_server = {2 * DEPTH, sizeof(struct bw_block_answer)}, .slots = SLOT_BLOCK, .address = BW_ADDRESS_OWN, .bit = 1UL << 52,
    };
    uint32_t refusal = 0;
    bw_err error = bw_channel_open(&disk.channel, bw_use_disk.cap, &wish, &refusal);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, SLOT_FRAME);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT, BW_SLOT_CNODE, SLOT_FRAME, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error != 0) return error;
    bw_ipc()->caps[0] = SLOT_LENT;
    const struct bw_msg m = bw_call(bw_use_disk.cap, bw_info(BLOCK_DRIVER_WINDOW, 1, 1), 0, 0, 0, 0);
    return bw_label(&m) != 0 ? BW_ERR_ILLEGAL_OPERATION : bw_error(&m);
}

static uint64_t place(bool random, uint32_t n, uint32_t bytes) {
    static uint64_t state = 0x9e3779b97f4a7c15UL;
    const uint64_t places = disk.sectors * BW_SECTOR / bytes;
    if (random) state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (random ? state >> 11 : n) % places * (bytes / BW_SECTOR);
}

static void send(uint32_t operation, bool random, uint32_t n, uint32_t bytes, uint32_t id) {
    const struct bw_block_request r = {.sector = place(random, n, bytes), .id = id, .operation = operation, .bytes = bytes, .offset = id * bytes};
    /* There are more places in the ring than requests on their way. */
    (void)bw_try_put(&disk.channel.out, &r);
}

static void run(const char *name, uint32_t operation, bool random, uint32_t bytes, uint32_t depth, uint32_t count) {
    bw_log(name);
    uint32_t sent = 0, failed = 0;
    for (; sent < depth && sent < count; sent++) send(operation, random, sent, bytes, sent);
    for (uint32_t answered = 0; answered < count; answered++) {
        struct bw_block_answer answer;
        /* One bell for as many as there is room for. */
        if (bw_receivable(&disk.channel.in) == 0) bw_announce(&disk.channel.out);
        if (bw_receive_message(&disk.channel.in, &answer) != BW_RING_DONE) {
            bw_log("failed: the server is gone");
            return;
        }
        failed += answer.result != BW_BLOCK_OK;
        if (sent < count) send(operation, random, sent++, bytes, answer.id);
    }
    bw_log(failed == 0 ? "end" : "failed: requests were refused");
}

int main(void) {
    const uint32_t large = (uint32_t)bw_arg_number("large", 64), small = (uint32_t)bw_arg_number("small", 64);
    const bw_err error = bw_arg_number("driver", 0) == 1 ? open_driver() : bw_block_open(&disk, bw_use_disk.cap, SLOT_BLOCK, BW_ADDRESS_OWN, 1UL << 52);
    if (error != 0) {
        bw_log("failed: the disk was not opened");
        return 1;
    }
    run("write.seq.64k", BW_BLOCK_WRITE, false, 65536, DEPTH, large);
    run("read.seq.64k", BW_BLOCK_READ, false, 65536, DEPTH, large);
    run("write.random.64k", BW_BLOCK_WRITE, true, 65536, DEPTH, large);
    run("read.random.64k", BW_BLOCK_READ, true, 65536, DEPTH, large);
    run("write.random.4k", BW_BLOCK_WRITE, true, 4096, DEPTH, small);
    run("read.random.4k", BW_BLOCK_READ, true, 4096, DEPTH, small);
    run("read.alone.4k", BW_BLOCK_READ, true, 4096, 1, small);
    return 0;
}
