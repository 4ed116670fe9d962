/*
 * Is the other computer there? Asks once a second, and says what comes of it. All that it can do with the network is to ask just that, of the one host that its manifest names: the network
 * server knows no other rule for it.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/net-protocol.h>
#include <bailiwick/net.h>
#include <bailiwick/timer.h>

BW_USE(console);
BW_USE(net);
BW_USE(timer);

enum { BYTES = 56, ANSWER_MS = 900, SILENT_BEFORE_GONE = 3, SLOT_ALARM = 128 };
#define ALARM_BIT (1ULL << 45)
#define SECOND 1000000000UL

static uint64_t now(void) {
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0 ? m.w[0] : 0;
}

static void sleep_until(uint64_t time) {
    while (now() < time) {
        bw_ipc()->caps[0] = SLOT_ALARM;
        (void)bw_call(bw_use_timer.cap, bw_info(TIMER_ALARM, 1, 1), time, 0, 0, 0);
        (void)bw_wait(BW_SLOT_NOTIFICATION);
    }
}

int main(void) {
    const char *peer = bw_arg("peer");
    struct bw_net_echo echo;
    uint32_t silent = 0;
    bool ever = false, there = false;
    bw_console_open(bw_use_console.cap);
    if (peer == NULL || bw_cnode_mint(BW_SLOT_CNODE, SLOT_ALARM, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, ALARM_BIT) != 0) {
        bw_printf("ping: there is no peer to ask: args: { peer: ADDRESS }\n");
        return 1;
    }
    bw_printf("ping: asking %s once a second\n", peer);
    for (uint64_t next = now();; sleep_until(next += SECOND)) {
        const uint32_t result = bw_net_ping(bw_use_net.cap, peer, BYTES, ANSWER_MS, &echo);
        if (result == 0) {
            if (ever && !there) bw_printf("ping: %s is back\n", peer);
            ever = there = true, silent = 0;
            bw_printf("ping: %u bytes from %s in %lu us\n", (uint32_t)BYTES, peer, echo.microseconds);
        } else if (result != NET_E_TIMEOUT) {
            bw_printf(result == NET_E_NOT_ALLOWED ? "ping: no rule of this program's allows it to ask %s\n" : "ping: %s cannot be asked: refusal %u\n", peer, result);
            return 1;
        } else if (++silent == SILENT_BEFORE_GONE) {
            bw_printf(ever ? "ping: %s answers no more\n" : "ping: %s does not answer yet\n", peer);
            there = false;
        }
        bw_flush();
    }
}
