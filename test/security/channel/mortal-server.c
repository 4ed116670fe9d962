/* A server that accepts channels and ends as soon as one of them rings. */
#include <bailiwick.h>

enum { SLOT_RECEIVED = 128, SLOT_CHANNELS = 129 };

static struct bw_accepted channels[2];
static struct bw_acceptor acceptor = {.channels = channels, .count = 2, .pages = 1, .slots = SLOT_CHANNELS, .address = BW_ADDRESS_OWN, .first_bit = 1UL << 40, .received = SLOT_RECEIVED};

static uint32_t do_open(struct bw_request *r) { return bw_accept(&acceptor, r); }
static void notified(uint64_t bits) {
    (void)bits;
    bw_exit(3);
}

int main(void) {
    static const struct bw_method methods[] = {{.label = CHANNEL_OPEN, .words = 4, .handle = do_open}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = 1, .notified = notified, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    if (bw_acceptor_init(&acceptor) != 0) return 1;
    bw_serve(&service);
}
