/* bob.c: brings the memory of the line, which ann opens; until then there is none. */
#include "chat.h"

enum { SLOT_RECEIVED = 129, SLOT_LINE = 130, PAGES = 2 };

static struct bw_accepted line;
static struct bw_acceptor acceptor = {.channels = &line, .count = 1, .pages = PAGES, .slots = SLOT_LINE, .address = BW_ADDRESS_OWN, .first_bit = 1ULL << 52, .received = SLOT_RECEIVED};

/* A message is copied into a struct chat_message: no other size is taken. A ring that is not wanted has no size. */
static bool fits(uint64_t bytes) { return bytes == 0 || bytes == sizeof(struct chat_message); }
static uint32_t do_open(struct bw_request *r) { return fits(r->w[1]) && fits(r->w[3]) ? bw_accept(&acceptor, r) : CHANNEL_E_BAD_REQUEST; }
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

static bool turn(void) { return chat_turn(line.has_out ? &line.out : NULL, line.has_in ? &line.in : NULL); }

int main(void) {
    if (bw_acceptor_init(&acceptor) != 0 || !chat_begin()) return 1;
    static const struct bw_method methods[] = {{.label = CHANNEL_OPEN, .words = 4, .handle = do_open}, {.label = CHANNEL_MEMORY, .words = 1, .handle = do_memory}};
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = CHANNEL_E_BAD_REQUEST, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
