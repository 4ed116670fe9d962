/* ann.c: opens the line, and then talks like the other. */
#include "chat.h"

BW_USE(line);

enum { SLOT_LINE = 129 };

static struct bw_channel line;

static bool turn(void) { return chat_turn(&line.out, &line.in); }

int main(void) {
    const struct bw_channel_wish wish = {.to_server = CHAT_SHAPE, .from_server = CHAT_SHAPE, .slots = SLOT_LINE, .address = BW_ADDRESS_OWN, .bit = 1ULL << 52};
    uint32_t refusal = 0;
    if (bw_channel_open(&line, bw_use_line.cap, &wish, &refusal) != 0 || !chat_begin()) return 1;
    struct bw_service nobody_calls = {.bad_request = CHANNEL_E_BAD_REQUEST, .turn = turn};
    bw_serve(&nobody_calls);
}
