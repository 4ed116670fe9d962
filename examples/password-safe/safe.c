/*
 * safe.c: passwords that go to their sites, and to nobody else. A front end sees which entries there are, and asks for one to be filled in; the person says yes or no in the safe's own view,
 * and the password goes from here to the site, which holds a capability for its own entry and has asked by that to be told. The safe calls neither: nobody can keep it waiting.
 *
 * This file: requests come in, keys become lines.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>

#include "dialog.h"
#include "protocol.h"

BW_USE(console);

enum { SITES = 8, SLOT_BELL = 128, SLOT_CALLER, SLOT_SITES, PIECE = 64, BACKSPACE = 8, CLEAR = 0x15, DELETE = 0x7f, MUTED_MOST = 16 };
#define KEYS_BIT (1ULL << 40)

/* Of each site, by its offer's index, whether it waits to be told of somebody; its caller is in SLOT_SITES + index. */
static bool site_waits[SITES];

/* The one request that waits for its person; its caller is in SLOT_CALLER. */
static bool waits;
static struct {
    char site[SITE_MOST + 1];
    uint64_t client;
} request;
static uint64_t muted[MUTED_MOST];

static char typed[DIALOG_LINE + 1];
static size_t length;

bool request_waits(void) { return waits; }

static uint32_t offer_of(uint64_t badge) { return (uint32_t)(badge >> 16); }
/* All offers but the shelf are sites': the manifest says which there are. */
static bool is_site(uint32_t offer) { return offer < SITES && bw_offer(offer) != NULL && strcmp(bw_offer(offer), "shelf") != 0; }

/* Its offer's index; SITES: there is none of this name. */
static uint32_t site_of(const char *name) {
    for (uint32_t i = 0; i < SITES; i++) if (is_site(i) && strcmp(bw_offer(i), name) == 0) return i;
    return SITES;
}
bool site_is_known(const char *site) { return site_of(site) != SITES; }

static bool is_muted(uint64_t client) {
    for (uint32_t i = 0; i < MUTED_MOST; i++) if (muted[i] == client) return true;
    return false;
}
void request_listen(void) { memset(muted, 0, sizeof muted); }

static void mute(uint64_t client) {
    for (uint32_t i = 0; i < MUTED_MOST; i++) {
        if (muted[i] != 0) continue;
        muted[i] = client;
        return;
    }
}

/* The password in this program's memory: from here to the end of this function. */
static uint32_t log_in(const struct entry *entry) {
    struct secret secret;
    const uint32_t site = site_of(entry->site);
    if (site == SITES || !site_waits[site]) return SHELF_E_SITE_AWAY;
    if (!entry_open(entry, &secret)) return SHELF_E_FAILED;
    uint64_t *words = bw_ipc()->words;
    const size_t user_count = strlen(entry->user), count = strlen(secret.text);
    memcpy(&words[2], entry->user, user_count);
    memcpy((uint8_t *)&words[2] + user_count, secret.text, count);
    site_waits[site] = false;
    const bw_err gone = bw_send(SLOT_SITES + site, bw_info(0, (uint32_t)(2 + (user_count + count + 7) / 8), 0), user_count, user_count + count, words[2], words[3]);
    entry_wipe(&secret);
    return gone != 0 ? SHELF_E_SITE_AWAY : 0;
}

void request_answer(bool allowed, bool and_mute) {
    /* The person may have taken it out meanwhile. */
    const struct entry *entry = entry_of(request.site);
    uint32_t label = !allowed ? SHELF_E_DENIED : entry == NULL ? SHELF_E_NOT_FOUND : log_in(entry);
    if (and_mute) mute(request.client);
    waits = false;
    bw_printf("(%s)\n", label == 0 ? "the site has it" : !allowed ? "denied" : label == SHELF_E_SITE_AWAY ? "the site does not listen" : "it could not be done");
    (void)bw_send(SLOT_CALLER, bw_info(label, 0, 0), 0, 0, 0, 0);
}

static void prompt(void) {
    dialog_prompt();
    if (!dialog_is_secret()) bw_write(typed, length);
    bw_flush();
}

static uint32_t do_fill(struct bw_request *r) {
    char site[SITE_MOST + 1];
    if (is_site(offer_of(r->badge)) || !bw_request_name(r, 1, r->w[0], site, sizeof site)) return SHELF_E_BAD_REQUEST;
    const struct entry *entry = entry_of(site);
    if (entry == NULL) return SHELF_E_NOT_FOUND;
    if (is_muted(r->badge)) return SHELF_E_DENIED;
    if (waits) return SHELF_E_BUSY;
    if (bw_reply_save(r->reply, SLOT_CALLER) != 0) return SHELF_E_FAILED;
    request.client = r->badge;
    memcpy(request.site, site, sizeof site);
    waits = true;
    dialog_asks(bw_client(r->badge) == NULL ? "somebody" : bw_client(r->badge), entry);
    prompt();
    return BW_LATER;
}

static uint32_t do_next(struct bw_request *r) {
    char site[SITE_MOST + 1];
    if (is_site(offer_of(r->badge)) || !bw_request_name(r, 1, r->w[0], site, sizeof site)) return SHELF_E_BAD_REQUEST;
    uint32_t index = 0;
    while (*site != 0 && entry_at(index) != NULL && strcmp(entry_at(index)->site, site) <= 0) index++;
    const struct entry *entry = entry_at(index);
    if (entry == NULL) return SHELF_E_NOT_FOUND;
    const size_t site_count = strlen(entry->site), user_count = strlen(entry->user);
    uint8_t *room = bw_answer_room(2);
    memcpy(room, entry->site, site_count);
    memcpy(room + site_count, entry->user, user_count);
    r->w[0] = site_count, r->w[1] = site_count + user_count;
    bw_answer_bytes(r, 2, site_count + user_count);
    return 0;
}

static uint32_t do_take(struct bw_request *r) {
    const uint32_t site = offer_of(r->badge);
    if (!is_site(site)) return LOGIN_E_BAD_REQUEST;
    /* One for each site: the newest, since an older one may be of a thread that is gone. */
    if (site_waits[site]) (void)bw_send(SLOT_SITES + site, bw_info(LOGIN_E_REPLACED, 0, 0), 0, 0, 0, 0);
    site_waits[site] = bw_reply_save(r->reply, SLOT_SITES + site) == 0;
    return site_waits[site] ? BW_LATER : LOGIN_E_REPLACED;
}

static void enter(void) {
    char line[DIALOG_LINE + 1];
    typed[length] = 0;
    memcpy(line, typed, sizeof line);
    memset(typed, 0, sizeof typed);
    length = 0;
    bw_putchar('\n');
    dialog_line(line);
    for (volatile char *byte = line; byte < line + sizeof line; byte++) *byte = 0;
    prompt();
}

static void rub_out(void) {
    if (length == 0) return;
    typed[--length] = 0;
    if (!dialog_is_secret()) bw_write("\b \b", 3);
}

static void key(char c) {
    if (c == '\r' || c == '\n') enter();
    else if (c == BACKSPACE || c == DELETE) rub_out();
    else if (c == CLEAR) while (length > 0) rub_out();
    else if (c >= ' ' && c < DELETE && length < DIALOG_LINE) {
        typed[length++] = c;
        if (!dialog_is_secret()) bw_putchar(c);
    }
}

/* True: there may be more. */
static bool turn(void) {
    char keys[PIECE];
    bw_ipc()->words[0] = PIECE;
    const struct bw_msg m = bw_call_buffer(bw_use_console.cap, CONSOLE_READ, 1, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0 || m.w[0] == 0 || m.w[0] > PIECE) return false;
    memcpy(keys, &bw_ipc()->words[1], m.w[0]);
    for (uint64_t i = 0; i < m.w[0]; i++) key(keys[i]);
    for (volatile char *byte = keys; byte < keys + sizeof keys; byte++) *byte = 0;
    bw_flush();
    return true;
}

static bool attach(void) {
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, KEYS_BIT) != 0) return false;
    bw_ipc()->caps[0] = SLOT_BELL;
    const struct bw_msg m = bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    const char *wrong = entries_begin();
    if (wrong == NULL && (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_REPLY, 0, 1 + SITES, BW_SLOT_CNODE, SLOT_CALLER) != 0 || !attach())) wrong = "there is no view to type in";
    if (wrong != NULL) {
        bw_logf("the safe stays shut: %s", wrong);
        return 1;
    }
    bw_puts("This is the safe. Passwords are typed and shown here, and nowhere else. ? says how.");
    prompt();
    static const struct bw_method methods[] = {{.label = SHELF_NEXT, .words = 1, .handle = do_next}, {.label = SHELF_FILL, .words = 1, .handle = do_fill}, {.label = LOGIN_TAKE, .handle = do_take}};
    static struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = SHELF_E_BAD_REQUEST, .turn = turn};
    bw_serve(&service);
}
