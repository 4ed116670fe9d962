/* A client of the file server that asks nonsense: every label, any words, bytes and capabilities; and keeps what it gets. Its directory is its own affair. */
#include <bailiwick.h>
#include <bailiwick/file-protocol.h>

BW_USE(mine);

static uint64_t state = 88172645463325252UL;
static uint64_t random(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}
/* Small numbers, numbers near limits, any number. */
static uint64_t word(void) {
    static const uint64_t odd[] = {0, 1, 2, 3, 5, 7, 8, 15, 255, 256, 936, 937, 65536, 65537, 1UL << 21, 1UL << 40, 1UL << 63, UINT64_MAX, UINT64_MAX - 4095};
    return random() % 4 == 0 ? random() : odd[random() % (sizeof odd / sizeof odd[0])];
}

enum { FIRST = 140, SLOTS = 40 };

int main(void) {
    for (uint64_t n = 0;; n++) {
        const bw_cptr made = FIRST + random() % SLOTS, used = random() % 4 == 0 ? FIRST + random() % SLOTS : bw_use_mine.cap;
        (void)bw_cnode_delete(BW_SLOT_CNODE, made);
        bw_receive_slots(made, 1);
        struct bw_ipc *b = bw_ipc();
        const uint32_t length = (uint32_t)(random() % 121);
        for (uint32_t i = 0; i < length; i++) b->words[i] = i < 3 ? word() : random() % 2 == 0 ? 0x6161616161616161UL : random();
        b->caps[0] = random() % 2 == 0 ? bw_use_mine.cap : BW_SLOT_NOTIFICATION;
        (void)bw_call_buffer(used == made ? bw_use_mine.cap : used, (uint32_t)(random() % 22), length, random() % 8 == 0);
    }
}
