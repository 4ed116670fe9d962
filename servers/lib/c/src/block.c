/* block.c: a client of a disk, and what every server of one checks. */
#include <bailiwick.h>
#include <bailiwick/block-protocol.h>
#include <bailiwick/block.h>

enum { REQUESTS = 32 };

static bw_err fetch_window(bw_cptr server, bw_cptr slot, uint64_t address) {
    struct bw_ipc *buffer = bw_ipc();
    const uint64_t count = buffer->receive_count, cnode = buffer->receive_cnode, index = buffer->receive_index, depth = buffer->receive_depth;
    bw_receive_slots(slot, 1);
    const struct bw_msg m = bw_call(server, bw_info(BLOCK_WINDOW, 0, 0), 0, 0, 0, 0);
    buffer->receive_count = count, buffer->receive_cnode = cnode, buffer->receive_index = index, buffer->receive_depth = depth;
    if (bw_error(&m) != 0) return bw_error(&m);
    if (bw_label(&m) != 0 || bw_caps(&m) != 1 || bw_unwrapped(&m) != 0) return BW_ERR_ILLEGAL_OPERATION;
    return bw_frame_map(slot, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
}

bw_err bw_block_open(struct bw_block *block, bw_cptr server, bw_cptr slots, uint64_t address, uint64_t bit) {
    *block = (struct bw_block){.window = (uint8_t *)(address + BW_BLOCK_WINDOW)};
    const struct bw_msg info = bw_call(server, bw_info(BLOCK_INFO, 0, 0), 0, 0, 0, 0);
    if (bw_error(&info) != 0) return bw_error(&info);
    if (bw_label(&info) != 0 || bw_length(&info) < 3) return BW_ERR_ILLEGAL_OPERATION;
    block->sectors = info.w[0];
    block->most_bytes = info.w[1];
    block->read_only = info.w[2] != 0;
    const struct bw_channel_wish wish = {
        .to_server = {REQUESTS, sizeof(struct bw_block_request)}, .from_server = {REQUESTS, sizeof(struct bw_block_answer)}, .slots = slots + 2, .address = address, .bit = bit,
    };
    uint32_t refusal = 0;
    bw_err error = bw_channel_open(&block->channel, server, &wish, &refusal);
    if (error == 0) error = fetch_window(server, slots, address + BW_BLOCK_WINDOW);
    return error;
}

bool bw_block_makes_sense(const struct bw_block_request *r, uint64_t sectors, uint64_t most_bytes) {
    if (r->operation != BW_BLOCK_READ && r->operation != BW_BLOCK_WRITE) return false;
    if (r->bytes == 0 || r->bytes % BW_SECTOR != 0 || r->bytes > most_bytes) return false;
    if (r->sector > sectors || r->bytes / BW_SECTOR > sectors - r->sector) return false;
    return r->offset % BW_SECTOR == 0 && r->offset <= BW_BLOCK_WINDOW && r->bytes <= BW_BLOCK_WINDOW - r->offset;
}

uint32_t bw_block_do(struct bw_block *block, uint32_t operation, uint64_t sector, uint32_t bytes, uint32_t offset) {
    const struct bw_block_request request = {.sector = sector, .id = ++block->last_id, .operation = operation, .bytes = bytes, .offset = offset};
    struct bw_block_answer answer;
    if (bw_send_message(&block->channel.out, &request) != BW_RING_DONE) return BW_BLOCK_FAILED;
    /* One request at a time: an answer to another is none. */
    do if (bw_receive_message(&block->channel.in, &answer) != BW_RING_DONE) return BW_BLOCK_FAILED;
    while (answer.id != request.id);
    return answer.result;
}
