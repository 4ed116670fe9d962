/*
 * grasp.c: a component that was taken over whole. It asks everything of everybody whom it can name, with every label, with text, numbers and capabilities; does the same with whatever
 * capability comes back; looks for what `args.seek` says in every answer and frame that it can see; and says what it has found. `args.known` is what it may see, which shows that it looks; `args.write`
 * is the text of its requests, and what it would have on the terminal. It does all of that `args.rounds` times, but for requests with the label `args.skip`, which would keep it waiting.
 */
#include <bailiwick.h>

enum { OWN = 128, GOT = 136, KEEP = 144, MOST = 240, LABELS = 48, KINDS = 32, SHAPES = 5 };
#define PLACE BW_THREAD_ADDRESSES

static const char *seek, *known, *mark;
static uint64_t seen, seen_known, calls, answered, given, skip, kinds[KINDS];
static bw_cptr next_kept = KEEP;

static bool has(const volatile uint8_t *bytes, size_t count, const char *text) {
    const size_t n = text == NULL ? 0 : strlen(text);
    for (size_t i = 0; n > 0 && i + n <= count; i++) {
        size_t k = 0;
        while (k < n && bytes[i + k] == (uint8_t)text[k]) k++;
        if (k == n) return true;
    }
    return false;
}
static void look_at(const volatile uint8_t *bytes, size_t count) {
    seen += has(bytes, count, seek);
    seen_known += has(bytes, count, known);
}

static uint32_t kind_of(bw_cptr slot) {
    uint32_t kind = 0, rights = 0;
    return bw_discrim_classify(BW_SLOT_DISCRIM, slot, &kind, &rights) == 0 ? kind : BW_KIND_NULL;
}

/* What came with an answer is kept, to be asked in its turn. */
static void keep(uint32_t count) {
    for (uint32_t i = 0; i < count && next_kept < MOST; i++) {
        if (kind_of(GOT + i) == BW_KIND_NULL) continue;
        given++;
        (void)bw_cnode_move(BW_SLOT_CNODE, next_kept++, BW_SLOT_CNODE, GOT + i);
    }
    for (uint32_t i = 0; i < BW_MAX_CAPS; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, GOT + i);
}

/* Numbers that say how long the text behind them is; SHAPES - 1: zeros alone. */
static void ask(bw_cptr slot, uint32_t label, uint32_t length, uint32_t numbers, uint32_t caps) {
    uint64_t *words = bw_ipc()->words;
    memset(words, 0, sizeof bw_ipc()->words);
    for (uint32_t i = 0; i < numbers && numbers < SHAPES - 1; i++) words[i] = strlen(mark);
    if (numbers < SHAPES - 1) memcpy(&words[numbers], mark, strlen(mark));
    bw_ipc()->caps[0] = BW_SLOT_NOTIFICATION;
    bw_receive_slots(GOT, BW_MAX_CAPS);
    const struct bw_msg m = bw_call_buffer(slot, label, length, caps);
    bw_receive_slots(0, 0);
    calls++;
    if (bw_error(&m) != 0) return;
    answered += bw_label(&m) == 0;
    look_at((const volatile uint8_t *)bw_ipc()->words, sizeof bw_ipc()->words);
    keep(bw_caps(&m));
}

static void ask_all(bw_cptr slot) {
    static const uint32_t lengths[] = {0, 1, 4, 12, BW_MAX_WORDS};
    for (uint32_t label = 0; label < LABELS; label++) {
        if (label == skip) continue;
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            for (uint32_t numbers = 0; numbers < SHAPES; numbers++) ask(slot, label, lengths[i], numbers, numbers % 2);
        }
    }
}

static void look(bw_cptr frame) {
    if (bw_frame_map(frame, PLACE, BW_SLOT_VSPACE, BW_RIGHT_READ) != 0) return;
    look_at((const volatile uint8_t *)PLACE, BW_PAGE);
    (void)bw_frame_unmap(frame);
}

static void grasp(bw_cptr slot) {
    const uint32_t kind = kind_of(slot);
    if (kind < KINDS) kinds[kind]++;
    if (kind == BW_KIND_ENDPOINT) ask_all(slot);
    else if (kind == BW_KIND_NOTIFICATION && slot != BW_SLOT_NOTIFICATION) (void)bw_signal(slot);
    else if (kind == BW_KIND_FRAME && slot != BW_SLOT_IPC_BUFFER) look(slot);
    /* Its own memory, and nobody else's, is what it has for a device. */
    else if (kind == BW_KIND_IOSPACE) (void)bw_iospace_map(slot, BW_SLOT_IPC_BUFFER, 0x100000, BW_RIGHT_READ | BW_RIGHT_WRITE);
}

int main(void) {
    seek = bw_arg("seek"), known = bw_arg("known"), mark = bw_arg("write"), skip = bw_arg_number("skip", LABELS);
    if (mark == NULL) mark = "x";
    const uint64_t rounds = bw_arg_number("rounds", 1);
    for (uint64_t round = 1; round <= rounds; round++) {
        calls = answered = 0;
        memset(kinds, 0, sizeof kinds);
        /* Its own endpoint nobody would answer at, and telling the root server that it ends would end it. */
        for (bw_cptr slot = 1; slot < OWN; slot++) if (slot != BW_SLOT_SERVICE && slot != BW_SLOT_PARENT) grasp(slot);
        for (bw_cptr slot = KEEP; slot < next_kept; slot++) grasp(slot);
        bw_logf("tried %lu: %lu endpoints, %lu calls, %s; %s given; %s, %s", round, kinds[BW_KIND_ENDPOINT], calls, answered > 0 ? "some answered" : "none answered", given > 0 ? "some" : "none",
                seen > 0 ? "FOUND" : "not found", seen_known > 0 ? "looks" : "saw nothing");
    }
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
}
