/* entries.c: see entries.h. */
#include <bailiwick.h>
#include <bailiwick/file-protocol.h>
#include <bailiwick/file.h>
#include <bailiwick/vault-protocol.h>
#include <bailiwick/vault.h>

#include "entries.h"

BW_USE(vault);
BW_USE(files);

/* Slots behind those of safe.c. */
enum { SLOT_KEY = 160, SLOT_FILE, INVENTED = 20 };
/* No site's name has a sign like this one. */
#define NEW_FILE "new!"

/* What is sealed. */
struct content {
    char user[USER_MOST + 1];
    struct secret secret;
};

static struct entry entries[ENTRIES];
static uint32_t entry_count;

/* The compiler must not find that nobody reads the zeros. */
static void wipe(volatile uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) bytes[i] = 0;
}
/* With what the last message left in the IPC buffer. */
static void wipe_content(struct content *content) {
    wipe((volatile uint8_t *)content, sizeof *content);
    wipe((volatile uint8_t *)bw_ipc()->words, sizeof bw_ipc()->words);
}
void entry_wipe(struct secret *secret) {
    wipe((volatile uint8_t *)secret, sizeof *secret);
    wipe((volatile uint8_t *)bw_ipc()->words, sizeof bw_ipc()->words);
}

static struct bw_bytes bytes_of(const void *at, size_t count) { return (struct bw_bytes){at, count}; }

static const char *read_content(const char *site, struct content *content) {
    uint8_t sealed[sizeof *content + BW_VAULT_MORE];
    size_t count = 0, done = 0;
    uint32_t wrong = bw_file_open(bw_use_files.cap, site, BW_FILE_READ, BW_MAKE_NOTHING, SLOT_FILE, NULL);
    if (wrong != 0) return "the disk does not give it";
    wrong = bw_file_read(SLOT_FILE, 0, sealed, sizeof sealed, &count);
    (void)bw_file_close(SLOT_FILE);
    if (wrong != 0 || count != sizeof sealed) return "what is on the disk is no entry";
    wrong = bw_vault_unseal(SLOT_KEY, bytes_of(site, strlen(site)), bytes_of(sealed, sizeof sealed), (uint8_t *)content, &done);
    if (wrong != 0 || done != sizeof *content) return "it was sealed by another image, or for another site";
    content->user[USER_MOST] = 0;
    content->secret.text[PASSWORD_MOST] = 0;
    return NULL;
}

/* In the order of their names. */
static void remember(const char *site, const char *user) {
    uint32_t at = 0;
    while (at < entry_count && strcmp(entries[at].site, site) < 0) at++;
    if (at == entry_count || strcmp(entries[at].site, site) != 0) memmove(&entries[at + 1], &entries[at], (entry_count++ - at) * sizeof entries[0]);
    struct entry *entry = &entries[at];
    memset(entry, 0, sizeof *entry);
    memcpy(entry->site, site, strlen(site));
    memcpy(entry->user, user, strlen(user));
}

const char *entries_begin(void) {
    struct bw_file_entry file = {0};
    struct content content;
    if (bw_vault_storage_key(bw_use_vault.cap, BW_VAULT_SYMMETRIC, BW_VAULT_SEAL | BW_VAULT_UNSEAL, 1, "password", SLOT_KEY) != 0) return "the vault gives no key";
    uint32_t wrong = bw_file_next(bw_use_files.cap, "", &file);
    for (; wrong == 0 && entry_count < ENTRIES; wrong = bw_file_next(bw_use_files.cap, file.name, &file)) {
        if (strlen(file.name) > SITE_MOST || strcmp(file.name, NEW_FILE) == 0) continue;
        const char *bad = read_content(file.name, &content);
        if (bad == NULL) remember(file.name, content.user);
        else bw_logf("the entry for %s is not used: %s", file.name, bad);
        wipe_content(&content);
    }
    return wrong == 0 || wrong == FILE_E_NOT_FOUND ? NULL : "the disk does not say what is on it";
}

const struct entry *entry_at(uint32_t index) { return index < entry_count ? &entries[index] : NULL; }

const struct entry *entry_of(const char *site) {
    for (uint32_t i = 0; i < entry_count; i++) if (strcmp(entries[i].site, site) == 0) return &entries[i];
    return NULL;
}

static uint32_t write_file(const char *site, const uint8_t *sealed, size_t count) {
    uint32_t wrong = bw_file_open(bw_use_files.cap, NEW_FILE, BW_FILE_WRITE, BW_MAKE_FILE, SLOT_FILE, NULL);
    if (wrong != 0) return wrong;
    wrong = bw_file_truncate(SLOT_FILE, 0);
    if (wrong == 0) wrong = bw_file_write(SLOT_FILE, 0, sealed, count);
    if (wrong == 0) wrong = bw_file_rename(bw_use_files.cap, NEW_FILE, 0, site, true);
    if (wrong == 0) wrong = bw_file_sync(SLOT_FILE);
    (void)bw_file_close(SLOT_FILE);
    return wrong;
}

const char *entry_put(const char *site, const char *user, const struct secret *secret) {
    struct content content = {.secret = *secret};
    uint8_t sealed[sizeof content + BW_VAULT_MORE];
    size_t done = 0;
    if (entry_of(site) == NULL && entry_count == ENTRIES) return "there is no room for more";
    memcpy(content.user, user, strlen(user));
    const uint32_t wrong = bw_vault_seal(SLOT_KEY, bytes_of(site, strlen(site)), bytes_of(&content, sizeof content), sealed, &done);
    wipe_content(&content);
    if (wrong != 0 || done != sizeof sealed) return "the vault does not seal it";
    if (write_file(site, sealed, sizeof sealed) != 0) return "the disk does not keep it";
    remember(site, user);
    return NULL;
}

const char *entry_remove(const char *site) {
    const struct entry *entry = entry_of(site);
    if (entry == NULL) return "there is no such entry";
    if (bw_file_remove(bw_use_files.cap, site) != 0 || bw_file_sync(bw_use_files.cap) != 0) return "the disk does not let go of it";
    const uint32_t at = (uint32_t)(entry - entries);
    memmove(&entries[at], &entries[at + 1], (--entry_count - at) * sizeof entries[0]);
    return NULL;
}

bool entry_open(const struct entry *entry, struct secret *secret) {
    struct content content;
    const bool there = read_content(entry->site, &content) == NULL && strcmp(content.user, entry->user) == 0;
    if (there) *secret = content.secret;
    wipe_content(&content);
    return there;
}

bool entry_invent(struct secret *secret) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t random[INVENTED];
    if (bw_vault_random(bw_use_vault.cap, random, sizeof random) != 0) return false;
    memset(secret, 0, sizeof *secret);
    for (size_t i = 0; i < INVENTED; i++) secret->text[i] = letters[random[i] & 63];
    wipe(random, sizeof random);
    return true;
}
