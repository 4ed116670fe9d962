/*
 * site.c: where one logs in. It waits at the safe to be told who comes. The first who comes as some user makes the account, and the password that came along is asked for ever after. Its view says
 * who came and how long the password was, which is all that anybody else learns.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>

#include "protocol.h"

BW_USE(console);
BW_USE(safe);

enum { ACCOUNTS = 8, MOST = 63 };

static struct account {
    size_t user_count, count;
    uint8_t user[MOST], password[MOST];
} accounts[ACCOUNTS];

static bool same(const uint8_t *a, size_t a_count, const uint8_t *b, size_t b_count) {
    /* In the time that its length takes, whatever it is. */
    uint8_t differs = a_count != b_count;
    for (size_t i = 0; i < a_count && i < b_count; i++) differs |= a[i] ^ b[i];
    return differs == 0;
}

static struct account *account_of(const uint8_t *user, size_t count) {
    for (struct account *a = accounts; a < &accounts[ACCOUNTS]; a++) if (a->user_count == 0 || same(a->user, a->user_count, user, count)) return a;
    return NULL;
}

/* Somebody comes: `bytes` are the user and, behind it, the password. */
static void enter(const uint8_t *bytes, size_t user_count, size_t count) {
    struct account *account = account_of(bytes, user_count);
    const bool is_new = account != NULL && account->user_count == 0;
    if (is_new) {
        account->user_count = user_count, account->count = count;
        memcpy(account->user, bytes, user_count);
        memcpy(account->password, bytes + user_count, count);
    }
    const bool right = account != NULL && same(account->password, account->count, bytes + user_count, count);
    bw_printf("%s: ", bw_name());
    bw_write(bytes, user_count);
    bw_printf(" %s, with a password of %lu characters\n", !right ? "is refused" : is_new ? "has an account now" : "is in", count);
}

int main(void) {
    uint8_t bytes[2 * MOST];
    bw_console_open(bw_use_console.cap);
    for (;;) {
        bw_flush();
        const struct bw_msg m = bw_call_buffer(bw_use_safe.cap, LOGIN_TAKE, 0, 0);
        if (bw_error(&m) != 0) return 1;
        if (bw_label(&m) != 0 || m.w[0] == 0 || m.w[0] > MOST || m.w[1] <= m.w[0] || m.w[1] - m.w[0] > MOST) continue;
        memcpy(bytes, &bw_ipc()->words[2], m.w[1]);
        memset(bw_ipc()->words, 0, sizeof bw_ipc()->words);
        enter(bytes, m.w[0], m.w[1] - m.w[0]);
        memset(bytes, 0, sizeof bytes);
    }
}
