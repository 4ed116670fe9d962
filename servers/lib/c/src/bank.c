/* bank.c: requests to the space bank. */
#include <bailiwick.h>
#include <bailiwick/bank.h>
#include <bailiwick/bank-protocol.h>

static uint32_t result_of(const struct bw_msg *m) { return bw_error(m) != 0 ? BW_BANK_GONE : bw_label(m); }

/* A request with words only, whose answer brings a capability into `slot` (0: none). */
static struct bw_msg ask(bw_cptr bank, uint32_t label, uint32_t words, uint64_t w0, bw_cptr slot) {
    const struct bw_receive before = bw_receive_into(slot, slot != 0);
    const struct bw_msg m = bw_call(bank, bw_info(label, words, 0), w0, 0, 0, 0);
    bw_receive_as(before);
    return m;
}

uint32_t bw_bank_buy(bw_cptr bank, uint32_t bits, bw_cptr slot, uint64_t *number) {
    const struct bw_msg m = ask(bank, BANK_BUY, 1, bits, slot);
    *number = m.w[0];
    const uint32_t result = result_of(&m);
    if (result != 0 || bw_caps(&m) == 1) return result;
    /* Bought, but the slot took nothing. */
    (void)bw_bank_free(bank, m.w[0]);
    return BW_BANK_NO_SLOT;
}

uint32_t bw_bank_free(bw_cptr bank, uint64_t number) {
    const struct bw_msg m = ask(bank, BANK_FREE, 1, number, 0);
    return result_of(&m);
}

static bool is_empty(bw_cptr slot) {
    uint32_t kind = BW_KIND_NULL, rights = 0;
    return bw_discrim_classify(BW_SLOT_DISCRIM, slot, &kind, &rights) == 0 && kind == BW_KIND_NULL;
}

uint32_t bw_bank_make(bw_cptr bank, uint64_t limit, uint64_t reserve, uint64_t banks, const char *name, bw_cptr slot) {
    const size_t count = strlen(name);
    if (count >= BW_BANK_NAME_BYTES) return BANK_E_BAD_REQUEST;
    /* Asked before: a bank whose capability is lost could be destroyed with those above it only. */
    if (!is_empty(slot)) return BW_BANK_NO_SLOT;
    uint64_t *words = bw_ipc()->words;
    words[0] = limit, words[1] = reserve, words[2] = banks, words[3] = count;
    memcpy(&words[4], name, count);
    const struct bw_receive before = bw_receive_into(slot, 1);
    const struct bw_msg m = bw_call_buffer(bank, BANK_MAKE, 4 + (uint32_t)((count + 7) / 8), 0);
    bw_receive_as(before);
    return result_of(&m);
}

uint32_t bw_bank_restrict(bw_cptr bank, uint32_t rights, bw_cptr slot) {
    const struct bw_msg m = ask(bank, BANK_RESTRICT, 1, rights, slot);
    const uint32_t result = result_of(&m);
    return result != 0 || bw_caps(&m) == 1 ? result : BW_BANK_NO_SLOT;
}

uint32_t bw_bank_destroy(bw_cptr bank) {
    struct bw_msg m = ask(bank, BANK_DESTROY, 0, 0, 0);
    while (result_of(&m) == 0 && m.w[0] == 1) {
        m = ask(bank, BANK_DESTROY, 0, 0, 0);
        /* Somebody else has done the rest. */
        if (result_of(&m) == BANK_E_GONE) return 0;
    }
    return result_of(&m);
}

uint32_t bw_bank_verify(bw_cptr bank, bw_cptr suspect, struct bw_bank_check *check) {
    bw_ipc()->caps[0] = suspect;
    const struct bw_msg m = bw_call(bank, bw_info(BANK_VERIFY, 0, 1), 0, 0, 0, 0);
    const bool answered = bw_error(&m) == 0 && bw_label(&m) == 0;
    *check = (struct bw_bank_check){.official = answered && m.w[0] == 1, .rights = answered ? (uint32_t)m.w[1] : 0, .alone = answered && m.w[2] == 1};
    return result_of(&m);
}

static void read_figures(const uint64_t *words, struct bw_bank_figures *figures) {
    *figures = (struct bw_bank_figures){.limit = words[0], .reserve = words[1], .used = words[2], .peak = words[3], .blocks = words[4]};
}

uint32_t bw_bank_figures(bw_cptr bank, struct bw_bank_figures *figures) {
    const struct bw_msg m = bw_call_buffer(bank, BANK_FIGURES, 0, 0);
    if (result_of(&m) == 0) read_figures(bw_ipc()->words, figures);
    return result_of(&m);
}

uint32_t bw_bank_list(bw_cptr bank, uint64_t place, struct bw_bank_figures *figures, uint32_t *depth, char name[BW_BANK_NAME_BYTES]) {
    uint64_t *words = bw_ipc()->words;
    words[0] = place;
    const struct bw_msg m = bw_call_buffer(bank, BANK_LIST, 1, 0);
    if (result_of(&m) != 0) return result_of(&m);
    const uint64_t count = words[6] < BW_BANK_NAME_BYTES ? words[6] : BW_BANK_NAME_BYTES - 1;
    *depth = (uint32_t)words[0];
    read_figures(&words[1], figures);
    memcpy(name, &words[7], count);
    name[count] = 0;
    return 0;
}
