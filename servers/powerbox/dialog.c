/* dialog.c: see dialog.h. */
#include <bailiwick/file-protocol.h>
#include <bailiwick/powerbox-protocol.h>

#include "dialog.h"
#include "grants.h"
#include "place.h"
#include "requests.h"
#include "show.h"
#include "slots.h"

static struct {
    /* NULL: nobody's request is looked at. */
    struct request *request;
    /* What it may get at most, and what it would get now. */
    uint32_t most, rights;
    /* It was said that somebody waits. */
    bool told;
} dialog;

static const char *who(void) { return client_name(dialog.request->client); }
static const char *what(void) { return dialog.request->kind == BW_KIND_OF_DIRECTORY ? "directory" : "file"; }

/* The file server's refusal, and what to do about it. */
static const char *reason(uint32_t result) {
    switch (result) {
    case FILE_E_NOT_FOUND: return "there is nothing of that name here; an empty line shows what there is";
    case FILE_E_NOT_DIRECTORY: return "that is not a directory";
    case FILE_E_EXISTS: return "there is something of that name here; = and the name chooses it";
    case FILE_E_BAD_NAME: return "that is no name: up to 255 bytes without /, not . or ..; u goes up";
    case FILE_E_NO_SPACE: return "the disk is full; remove something";
    case FILE_E_QUOTA: return "the directory's quota is used up; remove something";
    case FILE_E_NOT_ALLOWED: return "the powerbox itself may not do that here; its directory is the manifest's to choose";
    case FILE_E_FULL: return "too much is given already; d denies, and then l and t take something back";
    case FILE_E_DISK: return "the disk failed; look at what the file server says";
    case FILE_E_CORRUPT: return "what is on the disk is damaged; look at what the file server says";
    default: return "the file server refuses; look at what it says";
    }
}

static void say_waiting(uint32_t count) {
    dialog.told = count > 0;
    if (count > 0) bw_printf(count == 1 ? "%u request waits. An empty line shows it.\n" : "%u requests wait. An empty line shows the first.\n", count);
}

bool dialog_tell(void) {
    /* Once, until he has typed a line: who asks and goes away again and again brings no second one. */
    if (dialog.request != NULL || dialog.told) return false;
    bw_putchar('\n');
    say_waiting(requests_waiting());
    return true;
}

void dialog_prompt(void) {
    if (dialog.request == NULL) bw_printf("powerbox> ");
    else bw_printf("%s, a %s to %s> ", who(), what(), rights_text(dialog.rights, dialog.request->kind));
    bw_flush();
}

static void end(void) {
    place_end();
    dialog.request = NULL;
}

static void end_without_it(void) {
    bw_printf("%s has ended, or does not wait any more. Nothing was given.\n", who());
    (void)request_answer(dialog.request, POWERBOX_E_DENIED, 0, false, 0);
    end();
}

static void refuse(uint32_t label) {
    const char *name = who();
    (void)request_answer(dialog.request, label, 0, false, 0);
    bw_printf("Nothing was given to %s.\n", name);
    end();
}

/* A step of the dialog did not work. */
static void complain(uint32_t result) {
    if (result != BW_FILE_GONE) {
        bw_printf("Not done: %s.\n", reason(result));
        return;
    }
    bw_puts("The file server is away, so nothing can be given. It, or the machine, has to be started again.");
    refuse(POWERBOX_E_GONE);
}

static void show_place(uint32_t result) {
    if (result != 0) complain(result);
    else place_show();
}

static void help(void) {
    if (dialog.request == NULL) {
        bw_puts("An empty line: the next request. l: what is given. t NUMBER: takes it back. h: hears again whom x has silenced.");
        return;
    }
    if (dialog.request->kind == BW_KIND_OF_DIRECTORY) bw_puts("NUMBER or NAME: goes into that directory. .: gives the one that is shown.");
    else bw_puts("NUMBER or NAME: gives that file, or goes into that directory.");
    if (dialog.request->make) bw_printf("+NAME: makes a new %s of that name here and gives it.\n", what());
    bw_puts("=NAME: NAME, even if it is short or a number. u: up. n: more. An empty line: all of it again.");
    bw_puts("r: to read only. a: to add only. f: all it asks for. d: denied. x: denied, and all it asks from now on.");
}

/* Who asks and for what, in the powerbox's words; then the program's, marked as such. */
static void show_request(void) {
    const struct request *q = dialog.request;
    char text[64];
    bw_printf("%s asks for a %s, to %s%s.\n", who(), what(), rights_text(dialog.most, q->kind), q->make ? "; it may be a new one" : "");
    if (q->purpose_count > 0) {
        bw_puts("What it says it is for, in its own words:");
        show_words(q->purpose, q->purpose_count);
    } else {
        bw_puts("It does not say what for.");
    }
    if (q->name_count > 0) bw_printf("It suggests the name %s, which has no meaning but that.\n", quote(text, sizeof text, q->name, q->name_count));
}

static void begin(void) {
    dialog.request = request_take();
    if (dialog.request == NULL) {
        bw_puts("Nobody asks for anything. ? says what can be done.");
        return;
    }
    uint32_t own = 0;
    const uint32_t result = place_begin(&own);
    dialog.rights = dialog.most = dialog.request->rights & own;
    if (result != 0) {
        complain(result);
        /* Of a directory that nothing is known of nothing is given. */
        if (dialog.request != NULL) refuse(POWERBOX_E_GONE);
        return;
    }
    if (dialog.most == 0) {
        bw_printf("%s asks for what the powerbox itself may not do with its directory.\n", who());
        refuse(POWERBOX_E_DENIED);
        return;
    }
    show_request();
    show_place(place_look());
    if (dialog.request != NULL) help();
}

static void leave(bw_cptr slot) {
    (void)bw_file_close(slot);
    (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
}

/* `node` is what the operator has chosen; name "": the directory that is shown. */
static void give(bw_cptr node, uint32_t rights, const char *name, bool made) {
    static char whole[800];
    char path[PATH_TEXT];
    const uint32_t kind = dialog.request->kind;
    const uint64_t client = dialog.request->client;
    bw_cptr cap = 0;
    const uint32_t result = grant_make(node, client, rights, kind, place_path(path, sizeof path, name), &cap);
    if (result != 0) {
        complain(result);
        return;
    }
    (void)place_path(whole, sizeof whole, name);
    if (!request_answer(dialog.request, 0, rights, made, cap)) {
        grant_undo(cap);
        bw_printf("%s has ended, or does not wait any more. Nothing was given.\n", client_name(client));
        if (made) bw_printf("%s is there, and empty.\n", path);
        end();
        return;
    }
    bw_printf("%s may %s %s.\n", client_name(client), rights_text(rights, kind), path);
    log_all((const char *const[]){"given to ", client_name(client), ": to ", rights_text(rights, kind), " ", whole, made ? ", which is new" : "", NULL});
    end();
}

/* shown: the kind that the page says it has; 0: it was typed. */
static void choose(const char *name, uint32_t shown) {
    struct bw_file_info info = {0};
    uint32_t result = bw_file_open(place_directory(), name, dialog.rights, BW_MAKE_NOTHING, SLOT_CHOSEN, &info);
    if (result != 0) {
        complain(result);
        return;
    }
    if (shown != 0 && shown != info.kind) {
        bw_puts("Not done: it is not what was shown. An empty line shows what there is.");
    } else if (info.kind == BW_KIND_OF_DIRECTORY) {
        leave(SLOT_CHOSEN);
        show_place(place_enter(name));
        return;
    } else if (dialog.request->kind == BW_KIND_OF_DIRECTORY) {
        bw_printf("Not done: that is a file, and %s asks for a directory. The one that is shown is given by a dot.\n", who());
    } else {
        give(SLOT_CHOSEN, info.rights, name, false);
    }
    leave(SLOT_CHOSEN);
}

static void make(const char *name) {
    struct bw_file_info info = {0};
    if (!dialog.request->make) {
        bw_printf("Not done: %s does not ask for a new %s.\n", who(), what());
        return;
    }
    if (!grant_has_room(dialog.request->kind)) {
        complain(FILE_E_FULL);
        return;
    }
    const uint32_t kind = dialog.request->kind == BW_KIND_OF_DIRECTORY ? BW_MAKE_DIRECTORY : BW_MAKE_FILE;
    const uint32_t result = bw_file_open(place_directory(), name, dialog.rights, kind | BW_MAKE_ONLY, SLOT_CHOSEN, &info);
    if (result != 0) {
        complain(result);
        return;
    }
    give(SLOT_CHOSEN, info.rights, name, true);
    leave(SLOT_CHOSEN);
}

static void give_shown(void) {
    struct bw_file_info info = {0};
    if (dialog.request->kind != BW_KIND_OF_DIRECTORY) {
        bw_printf("Not done: %s asks for a file, and this is a directory.\n", who());
        return;
    }
    const uint32_t result = bw_file_info(place_directory(), &info);
    if (result != 0) complain(result);
    else give(place_directory(), dialog.rights & info.rights, "", false);
}

static void set_rights(uint32_t rights) {
    if (rights == 0) bw_printf("Not done: %s does not ask for that. d denies.\n", who());
    else dialog.rights = rights;
}

/* Digits only; UINT64_MAX for what is no number that counts anything. */
static uint64_t number_in(const char *text) {
    uint64_t value = 0;
    if (*text == 0) return UINT64_MAX;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9' || value > 1000) return UINT64_MAX;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value;
}
static bool is_digits(const char *text) {
    while (*text >= '0' && *text <= '9') text++;
    return *text == 0;
}

static void silence(void) {
    const char *name = who();
    if (client_mute(dialog.request->client)) bw_printf("%s is not heard any more; h hears everybody again.\n", name);
    else bw_puts("Denied this once: too many are silenced already; h hears everybody again.");
    refuse(POWERBOX_E_DENIED);
}

static void command(char letter) {
    switch (letter) {
    case '.': give_shown(); return;
    case 'u': show_place(place_up()); return;
    case 'n': show_place(place_more()); return;
    case 'r': set_rights(dialog.most & BW_FILE_READ); return;
    case 'a': set_rights(dialog.most & BW_FILE_APPEND); return;
    case 'f': set_rights(dialog.most); return;
    case 'd': refuse(POWERBOX_E_DENIED); return;
    case 'x': silence(); return;
    case '?': help(); return;
    default: bw_printf("Not done: that is nothing that can be done here. ? says what can; = before a name of one letter chooses it.\n");
    }
}

static void answer(const char *line) {
    if (line[0] == 0) {
        show_request();
        show_place(place_look());
    } else if (line[0] == '=') {
        choose(line + 1, 0);
    } else if (line[0] == '+') {
        make(line + 1);
    } else if (is_digits(line)) {
        const struct bw_file_entry *entry = place_entry(number_in(line));
        char name[256];
        if (entry == NULL) {
            bw_puts("Not done: there is no such number on the page. = before it makes it a name.");
            return;
        }
        memcpy(name, entry->name, sizeof name);
        choose(name, entry->kind);
    } else if (line[1] == 0) {
        command(line[0]);
    } else {
        choose(line, 0);
    }
}

static void idle(const char *line) {
    if (line[0] == 0) begin();
    else if (strcmp(line, "l") == 0) grants_show();
    else if (line[0] == 't' && line[1] == ' ') {
        if (!grant_take_back(number_in(line + 2))) bw_puts("Not done: nothing has that number. l lists what is given.");
    } else if (strcmp(line, "h") == 0) {
        clients_hear();
        bw_puts("Everybody is heard.");
    } else if (strcmp(line, "?") == 0) help();
    else bw_puts("Not done: that is nothing that can be done here. ? says what can.");
}

void dialog_line(const char *line, bool too_long) {
    if (dialog.request != NULL && !request_is_there(dialog.request)) end_without_it();
    else if (too_long) bw_puts("Not done: the line is too long. A name has up to 255 bytes.");
    else if (dialog.request != NULL) answer(line);
    else idle(line);
    if (dialog.request == NULL) say_waiting(requests_waiting());
}
