/* Reads a verifier's nonce, a line of 64 hexadecimal digits, and prints the statement that the vault makes for it, and its signature: a line each. */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/vault-protocol.h>
#include <bailiwick/vault.h>

BW_USE(console);
BW_USE(vault);

enum { SLOT_BELL = 128, PIECE = 16, DIGITS = 2 * BW_VAULT_NONCE, END_OF_INPUT = 4 };

static int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Digits until there are enough; anything else ends it. */
static bool read_nonce(uint8_t nonce[BW_VAULT_NONCE]) {
    if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1) != 0) return false;
    bw_ipc()->caps[0] = SLOT_BELL;
    (void)bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    for (uint32_t have = 0; have < DIGITS;) {
        const struct bw_msg m = bw_call(bw_use_console.cap, bw_info(CONSOLE_READ, 1, 0), PIECE, 0, 0, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) return false;
        if (m.w[0] == 0) (void)bw_wait(BW_SLOT_NOTIFICATION);
        char typed[PIECE];
        memcpy(typed, &m.w[1], sizeof typed);
        for (uint64_t i = 0; i < m.w[0] && i < sizeof typed && have < DIGITS; i++) {
            const int value = digit(typed[i]);
            if (value < 0) return false;
            nonce[have / 2] = (uint8_t)(have % 2 == 0 ? value << 4 : nonce[have / 2] | value);
            have++;
        }
    }
    return true;
}

static uint32_t print_statement(size_t bytes) {
    static char piece[944];
    for (size_t at = 0, done = 0; at < bytes; at += done) {
        const uint32_t refusal = bw_vault_statement(bw_use_vault.cap, at, piece, sizeof piece, &done);
        if (refusal != 0 || done == 0) return refusal == 0 ? BW_VAULT_GONE : refusal;
        bw_write(piece, done);
    }
    bw_puts("");
    return 0;
}

int main(void) {
    uint8_t nonce[BW_VAULT_NONCE], signature[BW_VAULT_SIGNATURE];
    size_t bytes = 0;
    bw_console_open(bw_use_console.cap);
    if (!read_nonce(nonce)) {
        bw_log("what was typed is no nonce: 64 hexadecimal digits");
        return 2;
    }
    uint32_t refusal = bw_vault_attest(bw_use_vault.cap, nonce, signature, &bytes);
    if (refusal == 0) refusal = print_statement(bytes);
    if (refusal != 0) {
        bw_log("the vault has refused");
        return 1;
    }
    bw_printf("signature ");
    for (size_t i = 0; i < sizeof signature; i++) bw_printf("%02x", signature[i]);
    bw_puts("");
    return 0;
}
