/* powerbox.c: see powerbox.h. */
#include <bailiwick.h>
#include <bailiwick/powerbox-protocol.h>
#include <bailiwick/powerbox.h>

enum { WORDS = 4, NAME_MOST = 64, PURPOSE_MOST = 400, MAY_BE_NEW = 4 };

uint32_t bw_powerbox_ask(bw_cptr powerbox, const struct bw_powerbox_wish *wish, bw_cptr slot, struct bw_powerbox_grant *grant) {
    const size_t name = wish->name == NULL ? 0 : strlen(wish->name), purpose = wish->purpose == NULL ? 0 : strlen(wish->purpose);
    if (name > NAME_MOST || purpose > PURPOSE_MOST) return POWERBOX_E_BAD_REQUEST;
    struct bw_ipc *b = bw_ipc();
    const uint64_t before[] = {b->receive_count, b->receive_cnode, b->receive_index, b->receive_depth};
    bw_receive_slots(slot, 1);
    b->words[0] = wish->rights, b->words[1] = wish->kind | (wish->make ? MAY_BE_NEW : 0U), b->words[2] = name, b->words[3] = name + purpose;
    if (name > 0) memcpy(&b->words[WORDS], wish->name, name);
    if (purpose > 0) memcpy((uint8_t *)&b->words[WORDS] + name, wish->purpose, purpose);
    const struct bw_msg m = bw_call_buffer(powerbox, POWERBOX_ASK, WORDS + (uint32_t)((name + purpose + 7) / 8), 0);
    b->receive_count = before[0], b->receive_cnode = before[1], b->receive_index = before[2], b->receive_depth = before[3];
    if (bw_error(&m) != 0) return BW_FILE_GONE;
    if (bw_label(&m) != 0) return bw_label(&m);
    if (bw_caps(&m) != 1 || bw_unwrapped(&m) != 0) return BW_FILE_GONE;
    if (grant != NULL) *grant = (struct bw_powerbox_grant){.rights = (uint32_t)m.w[0], .made = m.w[1] != 0};
    return 0;
}
