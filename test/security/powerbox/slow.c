/* A file server that waits for a line at its own view before it opens anything, and says what is closed. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/file-protocol.h>

BW_USE(console);

enum { SLOT_MINTED = 128, SLOT_BELL, SLOT_SIGNALS };
/* Badges of its making, beyond the manifest's. */
#define MINTED (1ULL << 31)
static uint64_t minted;

static uint32_t answer_with_cap(struct bw_request *r) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MINTED);
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINTED, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY, MINTED | ++minted) != 0) return FILE_E_FULL;
    bw_ipc()->caps[r->answer_caps++] = SLOT_MINTED;
    return 0;
}

static void wait_for_line(void) {
    for (;;) {
        bw_ipc()->words[0] = 1;
        const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) return;
        if (m.w[0] == 0) (void)bw_wait(SLOT_SIGNALS);
        else if (*(const char *)&bw_ipc()->words[1] == '\n') return;
    }
}

static uint32_t do_info(struct bw_request *r) {
    r->w[0] = (r->badge & MINTED) != 0 ? 1 : 2, r->w[1] = 5, r->w[2] = 7;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_list(struct bw_request *r) {
    static const uint8_t entry[] = {1, 5, 5, 0, 0, 0, 0, 0, 0, 0, 'n', 'o', 't', 'e', 's'};
    const bool first = r->w[0] == 0;
    memcpy(bw_answer_room(2), entry, sizeof entry);
    r->w[0] = first, r->w[1] = first ? sizeof entry : 0;
    bw_answer_bytes(r, 2, r->w[1]);
    return 0;
}

static uint32_t do_open(struct bw_request *r) {
    bw_puts("slow: opens");
    wait_for_line();
    r->w[0] = 1, r->w[1] = 5, r->w[2] = 3;
    r->answer_length = 3;
    return answer_with_cap(r);
}

static uint32_t do_lend(struct bw_request *r) {
    bw_puts("slow: lends");
    r->w[0] = 3;
    r->answer_length = 1;
    return answer_with_cap(r);
}

static uint32_t do_close(struct bw_request *r) {
    bw_printf("slow: closes %lu\n", (unsigned long)(r->badge & ~MINTED));
    return 0;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_NOTIFICATION, 0, 1, BW_SLOT_CNODE, SLOT_SIGNALS) != 0) return 1;
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, SLOT_SIGNALS, BW_RIGHT_WRITE, 1);
    bw_ipc()->caps[0] = SLOT_BELL;
    (void)bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    static const struct bw_method methods[] = {
        {.label = FILE_INFO, .words = 0, .handle = do_info}, {.label = FILE_LIST, .words = 1, .handle = do_list}, {.label = FILE_OPEN, .words = 3, .handle = do_open},
        {.label = FILE_LEND, .words = 2, .handle = do_lend}, {.label = FILE_CLOSE, .words = 0, .handle = do_close},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = FILE_E_BAD_REQUEST};
    bw_serve(&service);
}
