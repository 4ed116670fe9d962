/*
 * A client of the keyboard's driver that asks for what makes no sense, spoils its ring, leaves it lying about, and then wants to be served as anybody.
 */
#include <bailiwick.h>
#include <bailiwick/channel.h>
#include <bailiwick/input.h>
#include <bailiwick/inputdriver.h>

BW_USE(console);
BW_USE(keyboard);

enum { SLOT_BELL = 139, SLOT_CHANNEL = 140, MESSAGES = 4 };

static struct bw_channel channel;
static const struct bw_channel_wish wish = {.from_server = {MESSAGES, sizeof(struct bw_input_event)}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};

static uint32_t call(uint32_t label, uint64_t a, uint64_t b, uint64_t c, uint64_t d, bw_cptr cap) {
    bw_ipc()->caps[0] = cap;
    const struct bw_msg m = bw_call(bw_use_keyboard.cap, bw_info(label, 4, cap != 0), a, b, c, d);
    return bw_error(&m) != 0 ? 1000 + bw_error(&m) : bw_label(&m);
}

static void again(void) {
    uint32_t refusal = 0;
    const bw_err error = bw_channel_open(&channel, bw_use_keyboard.cap, &wish, &refusal);
    if (error != 0) bw_printf("channel: %s, %u\n", bw_error_name(error), refusal);
}

/* Keys pressed, until Enter is. */
static void read_keys(const char *what) {
    struct bw_input_event event = {0};
    bw_printf("%s", what);
    while (event.type != BW_EVENT_KEY || event.code != 28) {
        const bw_ring_result result = bw_receive_message(&channel.in, &event);
        if (result != BW_RING_DONE) {
            bw_printf(" %s", bw_ring_name(result));
            break;
        }
        if (event.type == BW_EVENT_KEY && event.value == 1) bw_printf(" %u", event.code);
    }
    bw_printf("\n");
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1ULL << 52);
    bw_printf("no method %u, no words %u, memory of no channel %u\n", call(99, 0, 0, 0, 0, 0), call(INPUT_DRIVER_MEMORY, 0, 0, 0, 0, 0) != 0, call(INPUT_DRIVER_MEMORY, ~0UL, 0, 0, 0, 0) != 0);
    bw_printf("no bell %u, an endpoint for one %u\n", call(INPUT_DRIVER_OPEN, 0, 0, 4, 16, 0), call(INPUT_DRIVER_OPEN, 0, 0, 4, 16, bw_use_console.cap));
    bw_printf("other messages %u, too many %u %u, no number of them %u\n", call(INPUT_DRIVER_OPEN, 0, 0, 4, 32, SLOT_BELL), call(INPUT_DRIVER_OPEN, 0, 0, 1024, 16, SLOT_BELL), call(INPUT_DRIVER_OPEN, 0, 0, ~0UL, 16, SLOT_BELL), call(INPUT_DRIVER_OPEN, 0, 0, 3, 16, SLOT_BELL));
    again();
    read_keys("first:");
    /* What the driver reads of the ring: how much was taken. No such number can be. */
    struct bw_ring_memory *memory = channel.in.end.memory;
    __atomic_store_n(&memory->taken, 0x7fffffffU, __ATOMIC_SEQ_CST);
    __atomic_store_n(&memory->receiver_wake, 1, __ATOMIC_SEQ_CST);
    bw_printf("spoilt\n");
    for (uint32_t i = 0; i < 200000; i++) __atomic_store_n(&memory->sent, i, __ATOMIC_SEQ_CST);
    bw_printf("still there: %u\n", call(INPUT_DRIVER_INFO, 0, 0, 0, 0, 0));
    bw_channel_close(&channel);
    again();
    read_keys("second:");
    for (uint32_t i = 0; i < 100; i++) {
        bw_channel_close(&channel);
        again();
    }
    bw_printf("opened anew\n");
    read_keys("third:");
    return 0;
}
