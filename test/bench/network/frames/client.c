/*
 * The client of `npm run bench -- network`: keeps so many frames on their way to a card, never looks at what is in them, and says when each pattern begins
 * and ends. The cable gives back a frame whose first byte is 1, and swallows one whose first byte is 0. args: count: frames of each pattern.
 */
#include <bailiwick.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>

BW_USE(card);

enum { DEPTH = 32, PLACE = 2048, SLOT_FRAME = 128, SLOT_LENT, SLOT_CHANNEL };
/* Where frames to be swallowed lie, those to be given back, and the rooms: DEPTH places each. Ids are places. */
enum { SWALLOWED = 0, RETURNED = DEPTH, ROOMS = 2 * DEPTH, PLACES = 3 * DEPTH };
#define WINDOW (BW_ADDRESS_OWN + BW_NIC_WINDOW)

static struct bw_channel channel;

static bw_err open_card(void) {
    const struct bw_channel_wish wish = {
        .to_server = {4 * DEPTH, sizeof(struct bw_nic_request)}, .from_server = {4 * DEPTH, sizeof(struct bw_nic_answer)}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = 1UL << 52,
    };
    uint32_t refusal = 0;
    bw_err error = bw_channel_open(&channel, bw_use_card.cap, &wish, &refusal);
    if (error == 0) error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, SLOT_FRAME);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT, BW_SLOT_CNODE, SLOT_FRAME, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_frame_map(SLOT_FRAME, WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error != 0) return error;
    for (uint32_t i = 0; i < DEPTH; i++) *(uint8_t *)((uint64_t)WINDOW + (RETURNED + i) * PLACE) = 1;
    bw_ipc()->caps[0] = SLOT_LENT;
    const struct bw_msg m = bw_call(bw_use_card.cap, bw_info(NIC_DRIVER_WINDOW, 1, 1), 0, 0, 0, 0);
    return bw_label(&m) != 0 ? BW_ERR_ILLEGAL_OPERATION : bw_error(&m);
}

/* There are more places in the ring than requests on their way. */
static void put(uint32_t operation, uint32_t place, uint32_t bytes) {
    const struct bw_nic_request r = {.id = place, .operation = operation, .offset = place * PLACE, .bytes = bytes};
    (void)bw_try_put(&channel.out, &r);
}

static bool next(struct bw_nic_answer *answer) {
    /* One bell for as many as there is room for. */
    if (bw_receivable(&channel.in) == 0) bw_announce(&channel.out);
    if (bw_receive_message(&channel.in, answer) == BW_RING_DONE && answer->result == BW_NIC_DONE && answer->id < PLACES) return true;
    bw_log("failed: a request was refused, or the driver is gone");
    return false;
}

static void send_only(const char *name, uint32_t bytes, uint32_t count) {
    struct bw_nic_answer answer;
    uint32_t sent = 0;
    bw_log(name);
    for (; sent < DEPTH && sent < count; sent++) put(BW_NIC_SEND, SWALLOWED + sent, bytes);
    for (uint32_t back = 0; back < count; back++) {
        if (!next(&answer)) return;
        if (sent < count) put(BW_NIC_SEND, answer.id, bytes), sent++;
    }
    bw_log("end");
}

static void echo(const char *name, uint32_t bytes, uint32_t depth, uint32_t count) {
    struct bw_nic_answer answer;
    uint32_t sent = 0, gone = 0, came = 0;
    for (uint32_t i = 0; i < depth; i++) put(BW_NIC_TAKE, ROOMS + i, PLACE);
    bw_log(name);
    for (; sent < depth && sent < count; sent++) put(BW_NIC_SEND, RETURNED + sent, bytes);
    while (gone < count || came < count) {
        if (!next(&answer)) return;
        if (answer.id < ROOMS) gone++;
        else if (answer.bytes != bytes) return bw_log("failed: a frame came that was not sent");
        else {
            /* Room for the next one before it is sent; at the end each room has been used up. */
            if (++came + depth <= count) put(BW_NIC_TAKE, answer.id, PLACE);
            if (sent < count) put(BW_NIC_SEND, RETURNED + sent % depth, bytes), sent++;
        }
    }
    bw_log("end");
}

int main(void) {
    const uint32_t count = (uint32_t)bw_arg_number("count", 256);
    if (open_card() != 0) {
        bw_log("failed: the card was not opened");
        return 1;
    }
    /* Until everything has been run, and is compiled, it is something else that is measured. */
    send_only("warm", 1514, count);
    echo("warm", 1514, DEPTH, count);
    send_only("send.1514", 1514, count);
    send_only("send.64", 64, count);
    echo("echo.1514", 1514, DEPTH, count);
    echo("echo.64", 64, DEPTH, count);
    echo("echo.alone.64", 64, 1, count);
    return 0;
}
