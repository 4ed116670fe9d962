/* diary.c: four pages. It hands out pages as capabilities and knows nothing of who lends what to whom. */
#include <bailiwick.h>

#include "protocol.h"

enum { PAGES = 4, MOST = 64, SLOT_PAGE = 128 };
/* The badge of a page's capability is this and its number. */
#define PAGE (1ULL << 31)

static struct { uint8_t text[MOST]; uint64_t count; } pages[PAGES];

/* The page that a request is about, PAGES if there is none: the one its capability is for, whatever it says; else the one it names. */
static uint64_t page_of(const struct bw_request *r) { return (r->badge & PAGE) != 0 ? r->badge - PAGE : r->w[0]; }

static uint32_t do_open(struct bw_request *r) {
    if ((r->badge & PAGE) != 0 || r->w[0] >= PAGES) return DIARY_E_BAD_REQUEST;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_PAGE);
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_PAGE, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY, PAGE | r->w[0]);
    bw_ipc()->caps[r->answer_caps++] = SLOT_PAGE;
    return 0;
}

static uint32_t do_read(struct bw_request *r) {
    const uint64_t page = page_of(r);
    if (page >= PAGES) return DIARY_E_BAD_REQUEST;
    memcpy(bw_answer_room(1), pages[page].text, pages[page].count);
    r->w[0] = pages[page].count;
    bw_answer_bytes(r, 1, pages[page].count);
    return 0;
}

static uint32_t do_write(struct bw_request *r) {
    const uint64_t page = page_of(r), count = r->w[1];
    const uint8_t *bytes = count > MOST ? NULL : bw_request_bytes(r, 2, count);
    if (page >= PAGES || bytes == NULL) return DIARY_E_BAD_REQUEST;
    memcpy(pages[page].text, bytes, count);
    pages[page].count = count;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {
        {.label = DIARY_OPEN, .words = 1, .handle = do_open}, {.label = DIARY_READ, .words = 1, .handle = do_read}, {.label = DIARY_WRITE, .words = 2, .handle = do_write},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = DIARY_E_BAD_REQUEST};
    bw_serve(&service);
}
