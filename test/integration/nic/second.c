/* Wants a card that another client has: is refused until that one has ended, and then has it alone. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>

BW_USE(console);
BW_USE(card);

enum { SLOT_FRAME = 200, SLOT_CHANNEL = 128 };

static struct bw_nic nic;
static uint8_t frame[BW_NIC_MOST_FRAME], back[BW_NIC_MOST_FRAME];

static uint32_t lend(void) {
    bw_ipc()->caps[0] = SLOT_FRAME;
    const struct bw_msg m = bw_call(bw_use_card.cap, bw_info(NIC_DRIVER_WINDOW, 1, 1), 0, 0, 0, 0);
    return bw_label(&m);
}
/* What opening the channel is answered; it is not kept. */
static uint32_t try_open(void) {
    struct bw_channel channel;
    const struct bw_channel_wish wish = {.to_server = {16, sizeof(struct bw_nic_request)}, .from_server = {16, sizeof(struct bw_nic_answer)}, .slots = SLOT_CHANNEL, .address = BW_ADDRESS_OWN, .bit = 1UL << 52};
    uint32_t refusal = 0;
    (void)bw_channel_open(&channel, bw_use_card.cap, &wish, &refusal);
    return refusal;
}

/* Waits for a key of the operator's. */
static void typed(void) {
    while (bw_call(bw_use_console.cap, bw_info(CONSOLE_READ, 1, 0), 1, 0, 0, 0).w[0] == 0) bw_yield();
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, SLOT_FRAME) != 0) return 1;
    /* Until the first client has the card, this one would be taken for the first itself. */
    typed();
    bw_printf("while another has it: window %u, channel %u\n", lend(), try_open());
    typed();
    const bw_err error = bw_nic_open(&nic, bw_use_card.cap, SLOT_CHANNEL, BW_ADDRESS_OWN, 1UL << 52);
    bw_printf("afterwards: %s\n", error == 0 ? "open" : bw_error_name(error));
    if (error != 0) return 3;
    uint32_t good = 0;
    for (uint32_t i = 0; i < 200; i++) {
        for (uint32_t k = 0; k < 500; k++) frame[k] = (uint8_t)(i + 3 * k);
        good += bw_nic_send(&nic, frame, 500) && bw_nic_next(&nic, back) == 500 && memcmp(frame, back, 500) == 0;
    }
    bw_printf("came back: %u of 200\n", good);
    return 0;
}
