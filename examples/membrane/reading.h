/* reading.h: a look at a page, and what came of it. For the two programs that have one. */
#pragma once
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>

#include "protocol.h"

/* "who: what: the text", or the refusal, or the kernel's error. */
static void look(const char *who, const char *what, bw_cptr cap, uint64_t page) {
    const struct bw_msg m = bw_call(cap, bw_info(DIARY_READ, 1, 0), page, 0, 0, 0);
    char text[65] = {0};
    if (bw_error(&m) != 0) bw_printf("%s: %s: the kernel says %s\n", who, what, bw_error_name(bw_error(&m)));
    else if (bw_label(&m) == PATTERNS_E_NOT_ALLOWED) bw_printf("%s: %s: not allowed\n", who, what);
    else if (bw_label(&m) != 0 || m.w[0] > 64) bw_printf("%s: %s: refused (%u)\n", who, what, bw_label(&m));
    else {
        for (uint32_t i = 1; i < BW_REGISTER_WORDS; i++) bw_ipc()->words[i] = m.w[i];
        memcpy(text, &bw_ipc()->words[1], m.w[0]);
        bw_printf("%s: %s: %s\n", who, what, text);
    }
}
