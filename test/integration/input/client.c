/*
 * A client of the input drivers: says what each device is, then prints each event of the keyboard until Escape is pressed, then each of the tablet until the
 * middle button is released. Its rings are small, so the drivers have to wait for it.
 */
#include <bailiwick.h>
#include <bailiwick/channel.h>
#include <bailiwick/input.h>
#include <bailiwick/inputdriver.h>

BW_USE(console);
BW_USE(keyboard);
BW_USE(tablet);

enum { SLOT_CHANNELS = 140, SLOTS = 16, MESSAGES = 4, KEY_ESCAPE = 1 };

static struct bw_channel channels[2];

static void open_channel(uint32_t i, bw_cptr server) {
    const struct bw_msg info = bw_call(server, bw_info(INPUT_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    bw_printf("device %u: %u, keyboard %lu, axes %lu %lu\n", i, bw_label(&info), info.w[0], info.w[1], info.w[2]);
    struct bw_channel_wish wish = {
        .to_server = {4, 16}, .from_server = {MESSAGES, sizeof(struct bw_input_event)}, .slots = SLOT_CHANNELS + i * SLOTS, .address = BW_ADDRESS_OWN + i * 0x200000UL, .bit = 1ULL << (52 - i),
    };
    uint32_t refusal = 0;
    if (bw_channel_open(&channels[i], server, &wish, &refusal) != BW_ERR_ILLEGAL_OPERATION || refusal != INPUT_DRIVER_E_BAD_REQUEST) bw_printf("a ring to the driver was not refused\n");
    wish.to_server = (struct bw_ring_shape){0, 0};
    const bw_err error = bw_channel_open(&channels[i], server, &wish, &refusal);
    if (error == 0) return;
    bw_printf("channel: %s, %u\n", bw_error_name(error), refusal);
    bw_exit(1);
}

/* The events' numbers are as they should be: nothing is missing. */
static uint64_t follow(uint32_t i, uint16_t last, int32_t value) {
    struct bw_input_event event;
    uint64_t number = 0;
    do {
        if (bw_receive_message(&channels[i].in, &event) != BW_RING_DONE) break;
        if (event.number != ++number) bw_printf("event %lu is missing\n", number);
        bw_printf("%u %u %d\n", event.type, event.code, event.value);
    } while (event.type != BW_EVENT_KEY || event.code != last || event.value != value);
    return number;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    open_channel(0, bw_use_keyboard.cap);
    open_channel(1, bw_use_tablet.cap);
    bw_printf("ready\n");
    const uint64_t keys = follow(0, KEY_ESCAPE, 1);
    bw_printf("%lu events\n", keys);
    bw_printf("%lu events\n", follow(1, BW_BUTTON_MIDDLE, 0));
    return 0;
}
