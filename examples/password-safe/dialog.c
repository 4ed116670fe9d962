/* dialog.c: see dialog.h. */
#include <bailiwick.h>

#include "dialog.h"

/* The entry whose password is typed next. */
static char site[SITE_MOST + 1], user[USER_MOST + 1];
static bool wants_password;

bool dialog_is_secret(void) { return wants_password; }

void dialog_prompt(void) {
    if (wants_password) bw_printf("password for %s at %s (not shown): ", user, site);
    else bw_printf("%s", request_waits() ? "y, n or m> " : "safe> ");
}

void dialog_asks(const char *who, const struct entry *entry) { bw_printf("\n%s asks to log in at %s as %s. y: yes, n: no, m: no, and do not hear it any more.\n", who, entry->site, entry->user); }

static void help(void) {
    bw_puts("list             what is in the safe\n"
            "new SITE USER    a password that the safe invents\n"
            "add SITE USER    one that you type, which is not shown\n"
            "show SITE        shows the password here, and nowhere else\n"
            "remove SITE      takes the entry out\n"
            "listen           hears again who was not to be heard");
}

static void list(void) {
    const struct entry *entry = entry_at(0);
    if (entry == NULL) bw_puts("(the safe is empty)");
    for (uint32_t i = 0; (entry = entry_at(i)) != NULL; i++) bw_printf("%s  %s\n", entry->site, entry->user);
}

static void say(const char *wrong, const char *done) { bw_printf("(%s)\n", wrong == NULL ? done : wrong); }

static void show(const char *of) {
    struct secret secret;
    const struct entry *entry = entry_of(of);
    if (entry == NULL) bw_puts("(there is no such entry)");
    else if (!entry_open(entry, &secret)) bw_puts("(the disk does not give what was sealed)");
    else {
        bw_printf("%s\n", secret.text);
        bw_flush();
        entry_wipe(&secret);
    }
}

static void invent(void) {
    struct secret secret;
    if (!entry_invent(&secret)) bw_puts("(the vault gives no random bytes)");
    else say(entry_put(site, user, &secret), "sealed, and on the disk");
    entry_wipe(&secret);
}

static void take_password(char *line) {
    struct secret secret = {0};
    wants_password = false;
    const size_t count = strlen(line);
    if (count == 0 || count > PASSWORD_MOST) bw_printf("(not taken: 1 to %u characters)\n", (unsigned)PASSWORD_MOST);
    else {
        memcpy(secret.text, line, count);
        say(entry_put(site, user, &secret), "sealed, and on the disk");
    }
    entry_wipe(&secret);
}

/* The line's next word, which ends where the next one begins; "" when there is none. */
static char *word(char **rest) {
    char *start = *rest;
    while (*start == ' ') start++;
    char *end = start;
    while (*end != 0 && *end != ' ') end++;
    *rest = *end == 0 ? end : end + 1;
    *end = 0;
    return start;
}

/* An entry is asked for by the names of sites that there are. */
static bool read_names(char **rest) {
    const char *new_site = word(rest), *new_user = word(rest);
    if (!site_is_known(new_site)) return bw_printf("(there is no site of this name: the manifest says which there are)\n"), false;
    if (*new_user == 0 || strlen(new_user) > USER_MOST) return bw_printf("(whose password? 1 to %u characters)\n", (unsigned)USER_MOST), false;
    memcpy(site, new_site, strlen(new_site) + 1);
    memcpy(user, new_user, strlen(new_user) + 1);
    return true;
}

static void act(const char *verb, char *rest) {
    if (strcmp(verb, "list") == 0) list();
    else if (strcmp(verb, "show") == 0) show(word(&rest));
    else if (strcmp(verb, "remove") == 0) say(entry_remove(word(&rest)), "gone");
    else if (strcmp(verb, "listen") == 0) request_listen();
    else if (strcmp(verb, "new") == 0) {
        if (read_names(&rest)) invent();
    } else if (strcmp(verb, "add") == 0) wants_password = read_names(&rest);
    else if (*verb != 0) help();
}

void dialog_line(char *line) {
    if (wants_password) return take_password(line);
    const char *verb = word(&line);
    const bool answer = request_waits() && (strcmp(verb, "y") == 0 || strcmp(verb, "n") == 0 || strcmp(verb, "m") == 0);
    if (answer) request_answer(*verb == 'y', *verb == 'm');
    else act(verb, line);
}
