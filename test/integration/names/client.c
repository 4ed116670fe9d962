/*
 * Does what args.do says, a line each, and says what came of it: publish NAME, publishes KIND NAME, look NAME, ring NAME (looks it up and signals it), list,
 * withdraw NAME, restrict LOOKUPONLY PREFIX, whole, many PREFIX, views, wait (for a signal), stay. Its own notification is what it publishes.
 */
#include <bailiwick.h>
#include <bailiwick/names.h>

BW_USE(console);
BW_USE(names);

enum { SLOT_GOT = 128, SLOT_VIEW, SLOT_MINE, SLOT_OTHER };

static bw_cptr names;

static struct bw_msg ask(uint32_t label, uint32_t words, uint64_t w0, const char *text, size_t count, uint32_t caps) {
    struct bw_ipc *ipc = bw_ipc();
    ipc->words[0] = words == 2 ? w0 : count;
    ipc->words[1] = count;
    memcpy(&ipc->words[words], text, count);
    return bw_call_buffer(names, label, words + (uint32_t)((count + 7) / 8), caps);
}

static const char *const said[] = {"done", "badRequest", "noCapability", "full", "notFound", "taken", "notYours"};
static const char *result(const struct bw_msg *m) { return bw_error(m) != 0 ? bw_error_name(bw_error(m)) : bw_label(m) < 7 ? said[bw_label(m)] : "?"; }

static struct bw_msg publish(const char *name, bw_cptr what) {
    bw_ipc()->caps[0] = what;
    return ask(NAMES_PUBLISH, 1, 0, name, strlen(name), 1);
}

static struct bw_msg look_up(const char *name) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_GOT);
    bw_receive_slots(SLOT_GOT, 1);
    return ask(NAMES_LOOK_UP, 1, 0, name, strlen(name), 0);
}

static bool is(const char *line, const char *word, const char **rest) {
    const size_t n = strlen(word);
    if (strncmp(line, word, n) != 0 || (line[n] != 0 && line[n] != ' ')) return false;
    *rest = line[n] == 0 ? &line[n] : &line[n + 1];
    return true;
}

static void list(void) {
    bw_printf("%s: list:", bw_name());
    for (uint64_t place = 0;; place++) {
        const struct bw_msg m = bw_call(names, bw_info(NAMES_LIST, 1, 0), place, 0, 0, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) break;
        char name[72];
        for (uint32_t i = 1; i < BW_REGISTER_WORDS; i++) bw_ipc()->words[i] = m.w[i];
        memcpy(name, &bw_ipc()->words[1], 64);
        bw_write(" ", 1);
        bw_write(name, m.w[0] <= 64 ? m.w[0] : 0);
    }
    bw_puts("");
}

/* Until it is refused: how often it was not. */
static void many(const char *prefix) {
    char name[32];
    uint32_t done = 0;
    struct bw_msg m;
    for (;; done++) {
        const size_t n = strlen(prefix);
        memcpy(name, prefix, n);
        name[n] = (char)('a' + done / 26);
        name[n + 1] = (char)('a' + done % 26);
        name[n + 2] = 0;
        m = publish(name, SLOT_MINE);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) break;
    }
    bw_printf("%s: many: %u, then %s\n", bw_name(), done, result(&m));
}

static void restrict_to(const char *what, const char *prefix) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_GOT);
    bw_receive_slots(SLOT_GOT, 1);
    const struct bw_msg m = ask(NAMES_RESTRICT, 2, (uint64_t)(*what - '0'), prefix, strlen(prefix), 0);
    bw_printf("%s: restrict %s: %s\n", bw_name(), prefix, result(&m));
    if (bw_error(&m) != 0 || bw_label(&m) != 0) return;
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_VIEW);
    (void)bw_cnode_move(BW_SLOT_CNODE, SLOT_VIEW, BW_SLOT_CNODE, SLOT_GOT);
    names = SLOT_VIEW;
}

static void views(void) {
    uint32_t done = 0;
    struct bw_msg m;
    for (;; done++) {
        const char prefix[2] = {(char)('A' + done), 0};
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_GOT);
        bw_receive_slots(SLOT_GOT, 1);
        m = ask(NAMES_RESTRICT, 2, 0, prefix, 1, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) break;
        m = ask(NAMES_RESTRICT, 2, 0, prefix, 1, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) break;
    }
    bw_printf("%s: views: %u, then %s\n", bw_name(), done, result(&m));
}

static void carry_out(const char *line) {
    const char *rest = "";
    struct bw_msg m = {0};
    if (is(line, "list", &rest)) return list();
    if (is(line, "many", &rest)) return many(rest);
    if (is(line, "views", &rest)) return views();
    if (is(line, "restrict", &rest)) return restrict_to(rest, rest + 2);
    if (is(line, "whole", &rest)) {
        names = bw_use_names.cap;
        return;
    }
    if (is(line, "stay", &rest)) for (;;) (void)bw_tcb_suspend(BW_SLOT_TCB);
    if (is(line, "wait", &rest)) {
        m = bw_wait(BW_SLOT_NOTIFICATION);
        bw_printf("%s: rung %lu\n", bw_name(), m.badge);
        return;
    }
    if (is(line, "publish", &rest)) m = publish(rest, SLOT_MINE);
    else if (is(line, "publishes", &rest)) {
        const struct { const char *kind; bw_cptr cap; } kinds[] = {
            {"nothing", 200}, {"cnode", BW_SLOT_CNODE}, {"tcb", BW_SLOT_TCB}, {"names", bw_use_names.cap}, {"untyped", BW_SLOT_UNTYPED}, {"endpoint", BW_SLOT_SERVICE}, {"console", bw_use_console.cap},
            {"frame", BW_SLOT_IPC_BUFFER}, {"reply", BW_SLOT_REPLY},
        };
        const char *name = rest;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) if (is(rest, kinds[i].kind, &name)) m = publish(name, kinds[i].cap);
    } else if (is(line, "look", &rest) || is(line, "ring", &rest)) {
        m = look_up(rest);
        if (*line == 'r') {
            bw_printf("%s: %s: %s, rings: %s\n", bw_name(), line, result(&m), bw_error_name(bw_signal(SLOT_GOT)));
            return;
        }
    } else if (is(line, "withdraw", &rest)) m = ask(NAMES_WITHDRAW, 1, 0, rest, strlen(rest), 0);
    bw_printf("%s: %s: %s\n", bw_name(), line, result(&m));
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    names = bw_use_names.cap;
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINE, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, bw_arg_number("badge", 1));
    const char *line;
    for (uint32_t i = 0; (line = bw_arg_at("do", i)) != NULL; i++) carry_out(line);
    return 0;
}
