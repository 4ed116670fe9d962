/*
 * front.c: the front end of the safe, which nobody needs to trust: it shows which entries there are and asks for one to be filled in. What it cannot do is see a password, and nothing in it keeps it
 * from trying: it has a view, and a shelf to ask at.
 */
#include <bailiwick.h>

#include "protocol.h"
#include "../powerbox/terminal.h"

BW_USE(safe);

enum { NAME = 63 };

static struct bw_msg ask(uint32_t label, const char *site) {
    const size_t count = strlen(site);
    bw_ipc()->words[0] = count;
    memcpy(&bw_ipc()->words[1], site, count);
    return bw_call_buffer(bw_use_safe.cap, label, (uint32_t)(1 + (count + 7) / 8), 0);
}

static void list(void) {
    char site[NAME + 1] = "", user[NAME + 1];
    uint32_t lines = 0;
    for (;; lines++) {
        const struct bw_msg m = ask(SHELF_NEXT, site);
        const uint64_t site_count = m.w[0], count = m.w[1];
        if (bw_error(&m) != 0 || bw_label(&m) != 0 || site_count > NAME || count < site_count || count - site_count > NAME) break;
        const uint8_t *bytes = (const uint8_t *)&bw_ipc()->words[2];
        memcpy(site, bytes, site_count);
        memcpy(user, bytes + site_count, count - site_count);
        site[site_count] = 0;
        user[count - site_count] = 0;
        bw_printf("%s  %s\n", site, user);
    }
    if (lines == 0) bw_puts("(nothing: type in the safe's view, Ctrl-] then 2)");
}

static const char *outcome(const struct bw_msg *m) {
    if (bw_error(m) != 0) return "the safe is gone";
    switch (bw_label(m)) {
    case 0: return "the site has it: its view says more";
    case SHELF_E_NOT_FOUND: return "there is no such entry";
    case SHELF_E_DENIED: return "you said no";
    case SHELF_E_SITE_AWAY: return "the site does not listen";
    default: return "it could not be done";
    }
}

static void fill(const char *site) {
    if (strlen(site) > NAME) return;
    bw_puts("(asks; Ctrl-] then 2 is where you answer)");
    bw_flush();
    const struct bw_msg m = ask(SHELF_FILL, site);
    bw_printf("(%s)\n", outcome(&m));
}

int main(void) {
    if (!terminal_open()) return 1;
    bw_puts("list: what is in the safe. fill SITE: logs in there. quit.");
    for (;;) {
        const char *line = terminal_line("> ");
        if (strcmp(line, "list") == 0) list();
        else if (strncmp(line, "fill ", 5) == 0) fill(line + 5);
        else if (strcmp(line, "quit") == 0) return 0;
        else if (*line != 0) bw_puts("(what?)");
    }
}
