/*
 * A client of the driver that asks for what makes no sense, and takes away what it lent; after each it sends a frame, which the test's cable gives back, to
 * see that the driver goes on. A line for each.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>

BW_USE(console);
BW_USE(card);

enum { SLOT_FRAMES = 128, SLOT_LENT = 136, SLOT_CHANNEL = 150, SLOT_NOTHING = 200, RING = 256 };
#define DATA 0x60200000UL
#define BIT (1ULL << 52)

static struct bw_channel channel;
static uint32_t next_id;

static void must(bw_err error, const char *what) {
    if (error == 0) return;
    bw_printf("%s: %s\n", what, bw_error_name(error));
    bw_exit(3);
}

static uint32_t lend(uint32_t number, bw_cptr cap, uint32_t caps) {
    bw_ipc()->caps[0] = cap;
    const struct bw_msg m = bw_call(bw_use_card.cap, bw_info(NIC_DRIVER_WINDOW, 1, caps), number, 0, 0, 0);
    return bw_error(&m) != 0 ? 1000 + bw_error(&m) : bw_label(&m);
}
static uint32_t make_window(uint32_t number, uint32_t bits, uint32_t rights) {
    must(bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, bits, 1, BW_SLOT_CNODE, SLOT_FRAMES + number), "frame");
    must(bw_cnode_copy(BW_SLOT_CNODE, SLOT_LENT + number, BW_SLOT_CNODE, SLOT_FRAMES + number, rights), "copy");
    return lend(number, SLOT_LENT + number, 1);
}

static void put(uint32_t operation, uint32_t window, uint32_t offset, uint32_t bytes) {
    const struct bw_nic_request r = {.id = ++next_id, .operation = operation, .window = window, .offset = offset, .bytes = bytes};
    (void)bw_send_message(&channel.out, &r);
}
/* The next answer; its id and result. */
static struct bw_nic_answer next(void) {
    struct bw_nic_answer answer = {.result = 99};
    (void)bw_receive_message(&channel.in, &answer);
    return answer;
}
/* One request that is answered at once: its result. */
static uint32_t ask(uint32_t operation, uint32_t window, uint32_t offset, uint32_t bytes) {
    put(operation, window, offset, bytes);
    const struct bw_nic_answer answer = next();
    return answer.id == next_id ? answer.result : 98;
}

static uint32_t open_with(uint32_t to_bytes, uint32_t from_bytes) {
    const struct bw_channel_wish wish = {.to_server = {16, to_bytes}, .from_server = {16, from_bytes}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = BIT};
    uint32_t refusal = 0;
    const bw_err error = bw_channel_open(&channel, bw_use_card.cap, &wish, &refusal);
    return refusal != 0 ? refusal : error != 0 ? 1000 + error : 0;
}
static uint32_t open(void) {
    const struct bw_channel_wish wish = {.to_server = {RING, sizeof(struct bw_nic_request)}, .from_server = {RING, sizeof(struct bw_nic_answer)}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = BIT};
    uint32_t refusal = 0;
    must(bw_channel_open(&channel, bw_use_card.cap, &wish, &refusal), "channel");
    return refusal;
}

/* A frame out of window 0 and back into it; 0 when it came whole. */
static uint32_t round_trip(uint8_t seed) {
    uint8_t *out = (uint8_t *)DATA, *in = (uint8_t *)DATA + 65536;
    for (uint32_t i = 0; i < 700; i++) out[i] = (uint8_t)(seed + i), in[i] = 0;
    put(BW_NIC_TAKE, 0, 65536, 2048);
    const uint32_t room = next_id;
    put(BW_NIC_SEND, 0, 0, 700);
    uint32_t good = 0;
    for (uint32_t i = 0; i < 2; i++) {
        const struct bw_nic_answer answer = next();
        if (answer.result == BW_NIC_DONE && answer.bytes == (answer.id == room ? 700 : 0)) good++;
    }
    return good == 2 && memcmp(in, out, 700) == 0 ? 0 : 1;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    /* Message sizes that are not the driver's: its copy of a message would be too short for them. */
    bw_printf("other message sizes: %u %u %u %u\n", open_with(4096, 16), open_with(32, 4096), open_with(8, 16), open_with(32, 32));
    bw_printf("no window, no frame, no such number: %u %u %u\n", lend(0, SLOT_NOTHING, 0), lend(0, BW_SLOT_NOTIFICATION, 1), lend(16, BW_SLOT_NOTIFICATION, 1));
    (void)open();
    bw_printf("without a window: %u %u\n", ask(BW_NIC_SEND, 0, 0, 60), ask(BW_NIC_TAKE, 0, 0, 2048));
    bw_printf("windows: %u", make_window(0, 21, BW_RIGHT_READ | BW_RIGHT_WRITE));
    must(bw_frame_map(SLOT_FRAMES, DATA, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE), "map");
    bw_printf(" %u %u\n", make_window(1, 21, BW_RIGHT_READ), make_window(15, 12, BW_RIGHT_READ | BW_RIGHT_WRITE));
    bw_printf("round trip: %u\n", round_trip(1));
    bw_printf("no such operation: %u %u\n", ask(2, 0, 0, 2048), ask(UINT32_MAX, 0, 0, 2048));
    bw_printf("lengths: %u %u %u %u %u\n", ask(BW_NIC_SEND, 0, 0, 0), ask(BW_NIC_SEND, 0, 0, 13), ask(BW_NIC_SEND, 0, 0, 1515), ask(BW_NIC_SEND, 0, 0, UINT32_MAX), ask(BW_NIC_TAKE, 0, 0, 1513));
    bw_printf("windows that are none: %u %u %u\n", ask(BW_NIC_SEND, 2, 0, 60), ask(BW_NIC_SEND, 16, 0, 60), ask(BW_NIC_TAKE, UINT32_MAX, 0, 2048));
    bw_printf("out of the window: %u %u %u %u\n", ask(BW_NIC_SEND, 0, BW_NIC_WINDOW - 59, 60), ask(BW_NIC_SEND, 0, UINT32_MAX, 60), ask(BW_NIC_TAKE, 0, BW_NIC_WINDOW - 1514, 1515), ask(BW_NIC_TAKE, 0, 4096, UINT32_MAX));
    const uint32_t room = ask(BW_NIC_TAKE, 1, 0, 2048), frame = ask(BW_NIC_SEND, 1, 0, 60);
    bw_printf("read-only: room %u, frame %u, which comes: %u\n", room, frame, ask(BW_NIC_TAKE, 0, 65536, 2048));
    bw_printf("round trip: %u\n", round_trip(2));
    bw_printf("beyond a small window: %u\n", ask(BW_NIC_SEND, 15, 8192, 60));
    bw_printf("round trip: %u\n", round_trip(3));
    for (uint32_t i = 0; i < BW_NIC_ROOMS; i++) put(BW_NIC_TAKE, 0, 65536 + 2048 * i, 2048);
    bw_printf("one room too many: %u\n", ask(BW_NIC_TAKE, 0, 0, 2048));
    /* Opened anew, the device has none of these rooms. */
    bw_channel_close(&channel);
    (void)open();
    bw_printf("after another opening: %u\n", round_trip(4));
    /* Rooms whose memory is taken away when the frame comes. */
    must(bw_cnode_delete(BW_SLOT_CNODE, SLOT_FRAMES + 1), "delete");
    must(bw_cnode_delete(BW_SLOT_CNODE, SLOT_LENT + 1), "delete");
    bw_printf("another window: %u\n", make_window(1, 21, BW_RIGHT_READ | BW_RIGHT_WRITE));
    for (uint32_t i = 0; i < 8; i++) put(BW_NIC_TAKE, 1, 2048 * i, 2048);
    must(bw_cnode_revoke(BW_SLOT_CNODE, SLOT_FRAMES + 1), "revoke");
    put(BW_NIC_SEND, 0, 0, 60);
    uint32_t failed = 0;
    for (uint32_t i = 0; i < 9; i++) failed += next().result == BW_NIC_FAILED;
    bw_printf("memory taken away: %u failed\n", failed);
    bw_printf("round trip: %u\n", round_trip(5));
    /* A ring that lies about how much was sent. */
    channel.out.end.memory->sent += 100000;
    bw_signal(channel.out.end.bells.theirs);
    struct bw_nic_answer answer;
    bw_printf("a lying ring: %u\n", bw_try_receive(&channel.in, &answer) == BW_RING_DONE);
    bw_channel_close(&channel);
    (void)open();
    bw_printf("after another opening: %u\n", round_trip(6));
    return 0;
}
