/* A client of the powerbox. args.do: what it does, a line for each; args.purpose and args.name go with each ask. */
#include <bailiwick.h>
#include <bailiwick/file-protocol.h>
#include <bailiwick/powerbox-protocol.h>
#include <bailiwick/powerbox.h>

BW_USE(console);
BW_USE(powerbox);

/* What it was given last, what it opened in it, a copy, and what was made less of. */
enum { GIVEN = 128, OPENED, COPY, LESS, AGAIN };

static const char *step;

static const char *file_result(uint32_t result) {
    switch (result) {
    case 0: return "done";
    case FILE_E_BAD_REQUEST: return "badRequest";
    case FILE_E_NOT_FOUND: return "notFound";
    case FILE_E_BAD_NAME: return "badName";
    case FILE_E_NOT_ALLOWED: return "notAllowed";
    case FILE_E_FULL: return "full";
    case BW_FILE_GONE: return "gone";
    default: return "something else";
    }
}
static const char *ask_result(uint32_t result) {
    static const char *const names[] = {"given", [POWERBOX_E_BAD_REQUEST] = "badRequest", [POWERBOX_E_DENIED] = "denied", [POWERBOX_E_BUSY] = "busy", [POWERBOX_E_FULL] = "full", [POWERBOX_E_GONE] = "gone"};
    return result < sizeof names / sizeof *names ? names[result] : "no powerbox";
}

/* The word that the step begins with; what is behind it in *rest. */
static bool is(const char *word, const char **rest) {
    const size_t length = strlen(word);
    if (strncmp(step, word, length) != 0 || (step[length] != 0 && step[length] != ' ')) return false;
    *rest = step[length] == ' ' ? step + length + 1 : step + length;
    return true;
}

static bool has(const char *text, char letter) {
    for (; *text != 0 && *text != ' '; text++) if (*text == letter) return true;
    return false;
}

/* Letters: r w a, d for a directory, n for a new one. */
static void ask(const char *letters) {
    struct bw_powerbox_grant grant = {0};
    const struct bw_powerbox_wish wish = {
        .rights = (has(letters, 'r') ? BW_FILE_READ : 0U) | (has(letters, 'w') ? BW_FILE_WRITE : 0U) | (has(letters, 'a') ? BW_FILE_APPEND : 0U),
        .kind = has(letters, 'd') ? BW_KIND_OF_DIRECTORY : BW_KIND_OF_FILE, .make = has(letters, 'n'), .purpose = bw_arg("purpose"), .name = bw_arg("name"),
    };
    for (bw_cptr slot = GIVEN; slot <= LESS; slot++) (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
    const uint32_t result = bw_powerbox_ask(bw_use_powerbox.cap, &wish, GIVEN, &grant);
    if (result != 0) bw_printf("%s: %s: %s\n", bw_name(), step, ask_result(result));
    else bw_printf("%s: %s: given%s%s%s%s\n", bw_name(), step, grant.rights & BW_FILE_READ ? " r" : "", grant.rights & BW_FILE_WRITE ? " w" : "", grant.rights & BW_FILE_APPEND ? " a" : "", grant.made ? " new" : "");
}

static void read(bw_cptr file) {
    char text[256] = "";
    size_t done = 0;
    const uint32_t result = bw_file_read(file, 0, text, sizeof text - 1, &done);
    bw_printf("%s: %s: %s%s%s\n", bw_name(), step, result == 0 ? "'" : file_result(result), text, result == 0 ? "'" : "");
}

static uint32_t write(bw_cptr file, const char *text) {
    const uint32_t result = bw_file_truncate(file, 0);
    return result != 0 ? result : bw_file_write(file, 0, text, strlen(text));
}

static void list(void) {
    struct bw_file_entry entry = {0};
    uint32_t result = bw_file_next(GIVEN, "", &entry);
    bw_printf("%s: %s:", bw_name(), step);
    for (; result == 0; result = bw_file_next(GIVEN, entry.name, &entry)) bw_printf(" %s%s", entry.name, entry.kind == BW_KIND_OF_DIRECTORY ? "/" : "");
    bw_printf(" %s\n", result == FILE_E_NOT_FOUND ? "." : file_result(result));
}

/* Of what it was given, as much as it gets. */
static void hoard(void) {
    uint32_t count = 0, result = 0;
    for (; count < 100; count++) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, AGAIN + 1);
        result = bw_file_restrict(GIVEN, BW_FILE_ALL, AGAIN + 1);
        if (result != 0) break;
    }
    bw_printf("%s: %s: %u, then %s\n", bw_name(), step, count, file_result(result));
}

/* Once more, beside what it has kept: the old capability is none again, whatever place the new one takes. */
static void again(void) {
    const struct bw_powerbox_wish wish = {.rights = BW_FILE_READ, .kind = BW_KIND_OF_FILE};
    struct bw_file_info info;
    bw_printf("%s: again: %s", bw_name(), ask_result(bw_powerbox_ask(bw_use_powerbox.cap, &wish, AGAIN, NULL)));
    bw_printf(", the new one: %s", file_result(bw_file_info(AGAIN, &info)));
    bw_printf(", the old one: %s", file_result(bw_file_info(COPY, &info)));
    bw_printf(", made of it: %s\n", file_result(bw_file_info(LESS, &info)));
}

/* More than it was given, through every call that makes a capability. */
static void widen(void) {
    struct bw_file_info info = {0};
    (void)bw_cnode_delete(BW_SLOT_CNODE, LESS);
    (void)bw_file_restrict(GIVEN, BW_FILE_ALL, LESS);
    (void)bw_file_info(LESS, &info);
    bw_printf("%s: widen: restrict %u", bw_name(), info.rights);
    (void)bw_file_close(LESS);
    (void)bw_file_lend(GIVEN, BW_FILE_ALL, 0, LESS);
    (void)bw_file_info(LESS, &info);
    bw_printf(", lend %u, %s", info.rights, file_result(bw_file_append(LESS, "x", 1, NULL)));
    bw_printf(", %s", file_result(bw_file_truncate(LESS, 0)));
    bw_printf(", %s\n", file_result(bw_file_rename(GIVEN, "notes", LESS, "x", true)));
    (void)bw_file_close(LESS);
}

static void say(uint32_t result) { bw_printf("%s: %s: %s\n", bw_name(), step, file_result(result)); }

static void open(const char *name) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, OPENED);
    say(bw_file_open(GIVEN, name, BW_FILE_ALL, BW_MAKE_NOTHING, OPENED, NULL));
}

/* Until it is taken back; then everything else that was made of it. */
static void keep(void) {
    struct bw_file_info info;
    (void)bw_cnode_copy(BW_SLOT_CNODE, COPY, BW_SLOT_CNODE, GIVEN, BW_RIGHT_WRITE | BW_RIGHT_GRANT | BW_RIGHT_GRANT_REPLY);
    (void)bw_file_restrict(GIVEN, BW_FILE_ALL, LESS);
    bw_printf("%s: keeps it\n", bw_name());
    while (bw_file_info(GIVEN, &info) == 0) bw_yield();
    bw_printf("%s: it: %s", bw_name(), file_result(bw_file_append(GIVEN, "x", 1, NULL)));
    bw_printf(", a copy: %s", file_result(bw_file_append(COPY, "x", 1, NULL)));
    bw_printf(", made of it: %s", file_result(bw_file_append(LESS, "x", 1, NULL)));
    bw_printf(", opened: %s\n", file_result(bw_file_info(OPENED, &info)));
}

static void act(void) {
    const char *rest = "";
    if (is("ask", &rest)) ask(rest);
    else if (is("read", &rest)) read(GIVEN);
    else if (is("write", &rest)) say(write(GIVEN, rest));
    else if (is("append", &rest)) say(bw_file_append(GIVEN, rest, strlen(rest), NULL));
    else if (is("list", &rest)) list();
    else if (is("open", &rest)) open(rest);
    else if (is("read-opened", &rest)) read(OPENED);
    else if (is("write-opened", &rest)) say(write(OPENED, rest));
    else if (is("remove", &rest)) say(bw_file_remove(GIVEN, rest));
    else if (is("hoard", &rest)) hoard();
    else if (is("again", &rest)) again();
    else if (is("widen", &rest)) widen();
    else if (is("keep", &rest)) keep();
    else if (is("close", &rest)) say(bw_file_close(GIVEN));
    else if (is("window", &rest)) say(bw_file_window(GIVEN, AGAIN + 2, BW_ADDRESS_OWN));
    else if (is("stay", &rest)) (void)bw_wait(BW_SLOT_NOTIFICATION);
    else if (is("fault", &rest)) __builtin_trap();
    else bw_printf("%s: %s: what?\n", bw_name(), step);
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    for (uint32_t i = 0; (step = bw_arg_at("do", i)) != NULL; i++) act();
    bw_printf("%s: done\n", bw_name());
    return 0;
}
