/* Never sends, and has its device started anew by an access that is refused; what comes
 * afterwards reaches it all the same. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>

BW_USE(console);
BW_USE(card);

enum { SLOT_SMALL = 200, SLOT_SMALL_LENT = 201 };
static struct bw_nic nic;
static uint8_t frame[BW_NIC_MOST_FRAME];

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 12, 1, BW_SLOT_CNODE, SLOT_SMALL);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, SLOT_SMALL_LENT, BW_SLOT_CNODE, SLOT_SMALL, BW_RIGHT_READ);
    if (error == 0) error = bw_nic_open(&nic, bw_use_card.cap, 128, BW_ADDRESS_OWN, 1UL << 52);
    bw_ipc()->caps[0] = SLOT_SMALL_LENT;
    const struct bw_msg lent = bw_call(bw_use_card.cap, bw_info(NIC_DRIVER_WINDOW, 1, 1), 7, 0, 0, 0);
    if (error != 0 || bw_error(&lent) != 0 || bw_label(&lent) != 0) return 1;
    const struct bw_nic_request beyond = {.id = 1000, .operation = BW_NIC_SEND, .window = 7, .offset = 65536, .bytes = 60};
    (void)bw_send_message(&nic.channel.out, &beyond);
    const uint32_t bytes = bw_nic_next(&nic, frame);
    bw_printf("came: %u bytes, %lu answers were nonsense\n", bytes, (unsigned long)nic.nonsense);
    return 0;
}
