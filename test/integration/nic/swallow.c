/* Takes whatever comes and looks at it: frames of the flood are numbered and come in that order; one that begins with "?" is sent back. */
#include <bailiwick.h>
#include <bailiwick/nic.h>

BW_USE(card);

static struct bw_nic nic;

int main(void) {
    static uint8_t frame[BW_NIC_MOST_FRAME];
    if (bw_nic_open(&nic, bw_use_card.cap, 128, BW_ADDRESS_OWN, 1UL << 52) != 0) return 1;
    bw_log("open");
    uint32_t came = 0, wrong = 0, last = 0;
    for (uint32_t bytes; (bytes = bw_nic_next(&nic, frame)) > 0;) {
        if (frame[0] == '?') {
            bw_logf("came %u, wrong %u, last %u", came, wrong, last);
            (void)bw_nic_send(&nic, frame, bytes);
            continue;
        }
        uint32_t number;
        memcpy(&number, frame + 8, 4);
        wrong += number <= last || bytes != 14 + number % 1500;
        for (uint32_t i = 14; i < bytes; i++) if (frame[i] != (uint8_t)number) { wrong++; break; }
        last = number;
        came++;
    }
    return 2;
}
