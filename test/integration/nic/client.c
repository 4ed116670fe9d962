/* Sends frames of every length to the echo and looks at what comes back; then as many as there are places for at once, again and again. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/nic.h>

BW_USE(console);
BW_USE(card);

static struct bw_nic nic;
static uint8_t frame[BW_NIC_MOST_FRAME], back[BW_NIC_MOST_FRAME];

static void make(uint32_t bytes, uint32_t seed) {
    for (uint32_t i = 0; i < bytes; i++) frame[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}
/* As the echo sends it back. */
static bool same(uint32_t bytes) {
    if (memcmp(back, frame + 6, 6) != 0 || memcmp(back + 6, frame, 6) != 0) return false;
    return memcmp(back + 12, frame + 12, bytes - 12) == 0;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const bw_err error = bw_nic_open(&nic, bw_use_card.cap, 128, BW_ADDRESS_OWN, 1UL << 52);
    if (error != 0) {
        bw_printf("no card: %s\n", bw_error_name(error));
        return 3;
    }
    bw_printf("card %x:..:%x, packets of %u, link %u\n", nic.mac[0], nic.mac[5], nic.mtu, nic.link);
    uint32_t wrong = 0;
    for (uint32_t bytes = BW_NIC_LEAST_FRAME; bytes <= BW_NIC_MOST_FRAME; bytes++) {
        make(bytes, bytes);
        if (!bw_nic_send(&nic, frame, bytes)) wrong++;
        const uint32_t came = bw_nic_next(&nic, back);
        if (came != bytes || !same(bytes)) wrong++;
    }
    bw_printf("every length: %u wrong\n", wrong);
    wrong = 0;
    for (uint32_t bytes = 0; bytes < BW_NIC_LEAST_FRAME; bytes++) wrong += bw_nic_send(&nic, frame, bytes);
    bw_printf("too short or too long: %u sent\n", wrong + bw_nic_send(&nic, frame, BW_NIC_MOST_FRAME + 1) + bw_nic_send(&nic, frame, UINT32_MAX));
    /* Many at once: they come in order, and none is lost while no more are on their way than there are rooms. */
    uint32_t sent = 0, came = 0, misplaced = 0;
    const uint32_t all = 4096, most = 48;
    while (came < all) {
        for (; sent < all && sent - came < most && bw_nic_place(&nic) != NULL; sent++) {
            make(60 + sent % 1000, sent);
            if (!bw_nic_send(&nic, frame, 60 + sent % 1000)) break;
        }
        const uint32_t bytes = bw_nic_next(&nic, back);
        if (bytes == 0) break;
        make(60 + came % 1000, came);
        misplaced += bytes != 60 + came % 1000 || !same(bytes);
        came++;
    }
    bw_printf("many: %u came, %u misplaced\n", came, misplaced);
    bw_printf("driver: %lu failed, %lu nonsense\n", (unsigned long)nic.failed_sends, (unsigned long)nic.nonsense);
    return 0;
}
