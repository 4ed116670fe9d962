/*
 * Does what args.do says, a line each, and says what came of it. Keys are numbers 0..9, tokens are numbers of the mailbox, bytes are written as text or, with a
 * leading '#', in hexadecimal. The words are those of the functions below.
 */
#include <bailiwick.h>
#include <bailiwick/console.h>
#include <bailiwick/timer.h>
#include <bailiwick/vault-protocol.h>
#include <bailiwick/vault.h>

BW_USE(console);
BW_USE(vault);
BW_USE_OPTIONAL(mail);
BW_USE_OPTIONAL(timer);

enum { SLOT_KEYS = 140, SLOT_GOT = 160, SLOT_MINE, SLOT_SCRATCH, SLOT_BELL, SLOT_WINDOW, ROOM = 1024 };

static const char *const said[] = {"done", "badRequest", "noCapability", "full", "notAllowed", "notAuthentic", "notForYou", "expired", "gone", "noClock", "noPlatform", "unknownClient"};
static const char *name_of(uint32_t result) { return result == BW_VAULT_GONE ? "GONE" : result < sizeof said / sizeof *said ? said[result] : "?"; }

/* The line's words. */
static const char *words[8];
static size_t lengths[8];
static uint32_t word_count;

static void split(const char *line) {
    for (word_count = 0; *line != 0 && word_count < 8; word_count++) {
        words[word_count] = line;
        while (*line != 0 && *line != ' ') line++;
        lengths[word_count] = (size_t)(line - words[word_count]);
        while (*line == ' ') line++;
    }
}

static bool is(const char *what) { return word_count > 0 && lengths[0] == strlen(what) && strncmp(words[0], what, lengths[0]) == 0; }

static uint64_t number(uint32_t word) {
    uint64_t value = 0;
    for (size_t i = 0; word < word_count && i < lengths[word]; i++) value = value * 10 + (uint64_t)(words[word][i] - '0');
    return value;
}

static uint8_t nibble(char c) { return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10); }

/* The bytes of a word; '-' is none. */
static struct bw_bytes bytes_of(uint32_t word, uint8_t *room) {
    const char *at = words[word];
    size_t count = word < word_count ? lengths[word] : 0;
    if (count == 1 && *at == '-') return (struct bw_bytes){room, 0};
    if (count == 0 || *at != '#') return (struct bw_bytes){at, count};
    count = (count - 1) / 2;
    for (size_t i = 0; i < count; i++) room[i] = (uint8_t)(nibble(at[1 + 2 * i]) << 4 | nibble(at[2 + 2 * i]));
    return (struct bw_bytes){room, count};
}

static void hex(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) bw_write((const char[]){"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15]}, 2);
}

static void say(uint32_t result) { bw_printf("%s", name_of(result)); }
static void say_bytes(uint32_t result, const uint8_t *bytes, size_t count) {
    say(result);
    if (result != 0) return;
    bw_write(" ", 1);
    hex(bytes, count);
}

static bw_cptr key(uint32_t word) { return SLOT_KEYS + number(word); }
static bw_cptr fresh_key(uint32_t word) {
    (void)bw_cnode_delete(BW_SLOT_CNODE, key(word));
    return key(word);
}

static void context_of(uint32_t word, char context[8]) {
    memset(context, 0, 8);
    if (word < word_count) memcpy(context, words[word], lengths[word] < 8 ? lengths[word] : 8);
}

static bool get_token(uint64_t place, uint8_t token[BW_VAULT_TOKEN]) {
    bw_ipc()->words[0] = place;
    const struct bw_msg m = bw_call_buffer(bw_use_mail.cap, 2, 1, 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0) return false;
    memcpy(token, bw_ipc()->words, BW_VAULT_TOKEN);
    return true;
}
static void put_token(uint64_t place, const uint8_t token[BW_VAULT_TOKEN]) {
    bw_ipc()->words[0] = place;
    memcpy(&bw_ipc()->words[1], token, BW_VAULT_TOKEN);
    (void)bw_call_buffer(bw_use_mail.cap, 1, 1 + BW_VAULT_TOKEN / 8, 0);
}

static uint64_t now(void) {
    const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
    return m.w[0];
}

/* What is typed until the end of the line, as hexadecimal. */
static size_t read_typed(uint8_t *bytes) {
    size_t digits = 0;
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 2);
    bw_ipc()->caps[0] = SLOT_BELL;
    (void)bw_call(bw_use_console.cap, bw_info(CONSOLE_ATTACH, 0, 1), 0, 0, 0, 0);
    bw_printf("%s: type\n", bw_name());
    for (;;) {
        const struct bw_msg m = bw_call(bw_use_console.cap, bw_info(CONSOLE_READ, 1, 0), 1, 0, 0, 0);
        const char c = (char)m.w[1];
        if (m.w[0] == 0) (void)bw_wait(BW_SLOT_NOTIFICATION);
        else if (c == '\n' || digits / 2 == ROOM) return digits / 2;
        else {
            bytes[digits / 2] = (uint8_t)(digits % 2 == 0 ? nibble(c) << 4 : bytes[digits / 2] | nibble(c));
            digits++;
        }
    }
}

/* How often each result came. */
static uint32_t tally[16];
static void count_result(uint32_t result) { tally[result < 15 ? result : 15]++; }
static void say_tally(void) {
    for (uint32_t i = 0; i < 16; i++) if (tally[i] != 0) bw_printf("%s x%u ", i == 15 ? "GONE" : name_of(i), tally[i]);
    memset(tally, 0, sizeof tally);
}

/* Key, associated, text: sealed, then every bit of it flipped, every length cut, every bit of the associated bytes flipped. */
static void spoil_sealed(void) {
    static uint8_t sealed[ROOM], opened[ROOM], room[ROOM], other[ROOM];
    size_t count = 0, done = 0;
    const struct bw_bytes associated = bytes_of(2, room), text = bytes_of(3, opened);
    (void)bw_vault_seal(key(1), associated, text, sealed, &count);
    for (size_t bit = 0; bit < 8 * count; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        count_result(bw_vault_unseal(key(1), associated, (struct bw_bytes){sealed, count}, opened, &done));
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t cut = 0; cut < count; cut++) count_result(bw_vault_unseal(key(1), associated, (struct bw_bytes){sealed, cut}, opened, &done));
    memcpy(other, associated.at, associated.count);
    for (size_t bit = 0; bit < 8 * associated.count; bit++) {
        other[bit / 8] ^= (uint8_t)(1U << bit % 8);
        count_result(bw_vault_unseal(key(1), (struct bw_bytes){other, associated.count}, (struct bw_bytes){sealed, count}, opened, &done));
        other[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    count_result(bw_vault_unseal(key(1), associated, (struct bw_bytes){sealed, count}, opened, &done));
    say_tally();
}

/* Key, text: signed, then every bit of the signature and of the text flipped. */
static void spoil_signed(void) {
    uint8_t signature[BW_VAULT_SIGNATURE];
    static uint8_t room[ROOM];
    const struct bw_bytes text = bytes_of(2, room);
    memcpy(room, text.at, text.count);
    const struct bw_bytes copy = {room, text.count};
    (void)bw_vault_sign(key(1), copy, signature);
    for (size_t bit = 0; bit < 8 * (sizeof signature + text.count); bit++) {
        uint8_t *byte = bit / 8 < sizeof signature ? &signature[bit / 8] : &room[bit / 8 - sizeof signature];
        *byte ^= (uint8_t)(1U << bit % 8);
        count_result(bw_vault_verify(key(1), copy, signature));
        *byte ^= (uint8_t)(1U << bit % 8);
    }
    count_result(bw_vault_verify(key(1), copy, signature));
    say_tally();
}

/* A token: every bit of it flipped, other lengths, then as it is. */
static void spoil_token(void) {
    uint8_t token[BW_VAULT_TOKEN];
    if (!get_token(number(1), token)) return;
    for (size_t bit = 0; bit < 8 * sizeof token; bit++) {
        token[bit / 8] ^= (uint8_t)(1U << bit % 8);
        count_result(bw_vault_unseal_capability(bw_use_vault.cap, token, SLOT_SCRATCH));
        token[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (uint64_t count = 0; count <= 80; count += 8) {
        if (count == sizeof token) continue;
        bw_ipc()->words[0] = count;
        memcpy(&bw_ipc()->words[1], token, sizeof token);
        const struct bw_msg m = bw_call_buffer(bw_use_vault.cap, VAULT_UNSEAL_CAPABILITY, 1 + BW_VAULT_TOKEN / 8, 0);
        count_result(bw_error(&m) != 0 ? BW_VAULT_GONE : bw_label(&m));
    }
    (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_SCRATCH);
    count_result(bw_vault_unseal_capability(bw_use_vault.cap, token, SLOT_SCRATCH));
    say_tally();
}

#define WINDOW ((uint8_t *)(BW_ADDRESS_OWN + (8UL << 21)))

/* window; fill AT COUNT; sealw, unsealw KEY AT COUNT TO ASSOCIATED; signw KEY AT COUNT; show AT COUNT; ratew KEY COUNT: how long a hundred take. */
static bool carry_out_window(void) {
    static uint8_t room[ROOM];
    uint8_t signature[BW_VAULT_SIGNATURE];
    size_t done = 0;
    uint32_t result = 0;
    if (is("window")) say(bw_vault_window(bw_use_vault.cap, SLOT_WINDOW, (uint64_t)WINDOW));
    else if (is("fill")) for (uint64_t i = 0; i < number(2); i++) WINDOW[number(1) + i] = (uint8_t)(i * 7);
    else if (is("show")) hex(WINDOW + number(1), number(2));
    else if (is("sealw") || is("unsealw")) {
        const struct bw_bytes associated = bytes_of(5, room);
        const bw_cptr with = number(1) == 9 ? (bw_cptr)bw_use_vault.cap : number(1) == 8 ? SLOT_MINE : key(1);
        result = is("sealw") ? bw_vault_seal_window(bw_use_vault.cap, with, associated, number(2), number(3), number(4), &done) : bw_vault_unseal_window(bw_use_vault.cap, with, associated, number(2), number(3), number(4), &done);
        bw_printf("%s %lu", name_of(result), done);
    } else if (is("signw")) {
        result = bw_vault_sign_window(bw_use_vault.cap, key(1), number(2), number(3), signature);
        say_bytes(result, signature, sizeof signature);
    } else if (is("ratew")) {
        const uint64_t began = now();
        for (uint32_t i = 0; i < 100; i++) result = bw_vault_seal_window(bw_use_vault.cap, key(1), (struct bw_bytes){room, 0}, 0, number(2), 1UL << 20, &done);
        bw_printf("%s %lu us", name_of(result), (now() - began) / 1000);
    } else if (is("rates")) {
        const uint64_t began = now();
        for (uint32_t i = 0; i < 100; i++) result = bw_vault_sign(key(1), (struct bw_bytes){room, 64}, signature);
        bw_printf("%s %lu us", name_of(result), (now() - began) / 1000);
    } else return false;
    return true;
}

/* Every method through a capability, with every number of words from none on, all ones: whatever comes of it. */
static void nonsense(bw_cptr cap, uint64_t word) {
    for (uint32_t label = 0; label < 24; label++) {
        if (label == VAULT_CLOSE || label == VAULT_DESTROY) continue;
        for (uint32_t count = 0; count <= BW_MAX_WORDS; count += count < 6 ? 1 : 57) {
            for (uint32_t i = 0; i < BW_MAX_WORDS; i++) bw_ipc()->words[i] = word;
            bw_receive_slots(SLOT_SCRATCH, 1);
            (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_SCRATCH);
            const struct bw_msg m = bw_call_buffer(cap, label, count, 0);
            count_result(bw_error(&m) != 0 ? BW_VAULT_GONE : bw_label(&m));
            bw_receive_slots(0, 0);
        }
    }
}

static uint32_t give(uint32_t place_word, uint32_t audience_word, bw_cptr what, uint64_t expiry) {
    uint8_t token[BW_VAULT_TOKEN];
    char audience[80] = "";
    memcpy(audience, words[audience_word], lengths[audience_word] < 79 ? lengths[audience_word] : 79);
    const uint32_t result = bw_vault_seal_capability(bw_use_vault.cap, what, audience, expiry, token);
    if (result == 0) put_token(number(place_word), token);
    return result;
}

static bool carry_out_tokens(void) {
    uint8_t token[BW_VAULT_TOKEN];
    if (is("give")) say(give(1, 2, SLOT_MINE, word_count > 3 ? now() + number(3) : 0));
    else if (is("givetill")) say(give(1, 2, SLOT_MINE, number(3)));
    else if (is("givekey")) say(give(1, 2, key(3), 0));
    else if (is("givevault")) say(give(1, 2, bw_use_vault.cap, 0));
    else if (is("givenothing")) say(give(1, 2, 250, 0));
    else if (is("giveall")) {
        uint32_t done = 0, result;
        while ((result = give(1, 2, SLOT_MINE, 0)) == 0) done++;
        bw_printf("%u, then %s", done, name_of(result));
    } else if (is("forget")) say(get_token(number(1), token) ? bw_vault_forget_capability(bw_use_vault.cap, token) : BW_VAULT_GONE);
    else if (is("take") || is("takekey")) {
        const bw_cptr slot = is("take") ? SLOT_GOT : fresh_key(2);
        if (is("take")) (void)bw_cnode_delete(BW_SLOT_CNODE, slot);
        const uint32_t result = get_token(number(1), token) ? bw_vault_unseal_capability(bw_use_vault.cap, token, slot) : 99;
        say(result);
        if (result == 0 && is("take")) bw_printf(", rings: %s", bw_error_name(bw_signal(slot)));
    } else if (is("spoiltoken")) spoil_token();
    else return false;
    return true;
}

static void carry_out(const char *line) {
    static uint8_t one[ROOM], two[ROOM], out[2 * ROOM];
    char context[8];
    size_t done = 0;
    uint32_t kind = 0, rights = 0, result = 0;
    split(line);
    if (is("stay")) for (;;) (void)bw_tcb_suspend(BW_SLOT_TCB);
    if (is("sleep")) {
        (void)bw_call(bw_use_timer.cap, bw_info(TIMER_SLEEP_UNTIL, 1, 0), now() + number(1), 0, 0, 0);
        return;
    }
    if (is("wait")) {
        while (!get_token(number(1), one)) (void)bw_call(bw_use_timer.cap, bw_info(TIMER_SLEEP_UNTIL, 1, 0), now() + 1000000, 0, 0, 0);
        return;
    }
    if (is("signal")) return put_token(number(1), one);
    if (is("revoke")) {
        (void)bw_cnode_revoke(BW_SLOT_CNODE, SLOT_MINE);
        return;
    }
    bw_printf("%s: %s: ", bw_name(), line);
    if (carry_out_tokens() || carry_out_window()) {
        bw_puts("");
        return;
    }
    if (is("generate")) result = bw_vault_generate(bw_use_vault.cap, (uint32_t)number(2), word_count > 3 ? (uint32_t)number(3) : BW_VAULT_ALL, fresh_key(1));
    else if (is("storage")) {
        context_of(4, context);
        result = bw_vault_storage_key(bw_use_vault.cap, (uint32_t)number(2), BW_VAULT_ALL, number(3), context, fresh_key(1));
    } else if (is("derive")) {
        context_of(5, context);
        result = bw_vault_derive(key(2), (uint32_t)number(3), BW_VAULT_ALL, number(4), context, fresh_key(1));
    } else if (is("restrict")) result = bw_vault_restrict(key(2), (uint32_t)number(3), fresh_key(1));
    else if (is("copy")) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, key(1));
        result = bw_cnode_copy(BW_SLOT_CNODE, key(1), BW_SLOT_CNODE, key(2), BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY);
    } else if (is("close")) result = bw_vault_close(key(1));
    else if (is("destroy")) result = bw_vault_destroy(key(1));
    else if (is("info")) {
        result = bw_vault_info(key(1), &kind, &rights);
        if (result == 0) bw_printf("kind %u rights %u ", kind, rights);
    } else if (is("seal")) {
        result = bw_vault_seal(key(1), bytes_of(2, one), bytes_of(3, two), out, &done);
        say_bytes(result, out, done);
    } else if (is("unseal")) {
        result = bw_vault_unseal(key(1), bytes_of(2, one), bytes_of(3, two), out, &done);
        say_bytes(result, out, done);
    } else if (is("opentyped")) {
        const size_t count = read_typed(two);
        result = bw_vault_unseal(key(1), bytes_of(2, one), (struct bw_bytes){two, count}, out, &done);
        bw_printf("opened: ");
        say_bytes(result, out, done);
    } else if (is("sealmuch")) {
        memset(one, 'x', sizeof one);
        result = bw_vault_seal(key(1), (struct bw_bytes){one, 0}, (struct bw_bytes){one, number(2)}, out, &done);
        if (result == 0) result = bw_vault_unseal(key(1), (struct bw_bytes){one, 0}, (struct bw_bytes){out, done}, two, &done);
        bw_printf("%s %lu %s", name_of(result), done, memcmp(one, two, done) == 0 ? "same" : "other");
    } else if (is("sign")) {
        result = bw_vault_sign(key(1), bytes_of(2, one), out);
        say_bytes(result, out, BW_VAULT_SIGNATURE);
    } else if (is("verify")) say(bw_vault_verify(key(1), bytes_of(2, one), bytes_of(3, two).at));
    else if (is("public")) {
        result = bw_vault_public_key(key(1), out);
        say_bytes(result, out, BW_VAULT_PUBLIC);
    } else if (is("random")) {
        result = bw_vault_random(bw_use_vault.cap, out, number(1));
        say_bytes(result, out, number(1));
    } else if (is("many")) {
        while ((result = bw_vault_generate(bw_use_vault.cap, BW_VAULT_SYMMETRIC, BW_VAULT_ALL, fresh_key(1))) == 0) done++;
        bw_printf("%lu, then ", done);
    } else if (is("manyrestrict")) {
        while ((result = bw_vault_restrict(key(2), BW_VAULT_ALL, fresh_key(1))) == 0) done++;
        bw_printf("%lu, then ", done);
    } else if (is("spoilsealed")) spoil_sealed();
    else if (is("spoilsigned")) spoil_signed();
    else if (is("nonsense")) {
        nonsense(word_count > 1 ? key(1) : (bw_cptr)bw_use_vault.cap, UINT64_MAX);
        nonsense(word_count > 1 ? key(1) : (bw_cptr)bw_use_vault.cap, 1);
        nonsense(word_count > 1 ? key(1) : (bw_cptr)bw_use_vault.cap, 1UL << 32);
        memset(tally, 0, sizeof tally);
        result = bw_vault_random(bw_use_vault.cap, out, 8);
    } else if (is("dump")) {
        hex((const uint8_t *)bw_ipc(), sizeof *bw_ipc());
    } else if (is("attest")) {
        result = bw_vault_attest(bw_use_vault.cap, bytes_of(1, one).at, two, &done);
        say(result);
        bw_puts("");
        for (size_t at = 0, piece = 0; result == 0 && at < done; at += piece) {
            result = bw_vault_statement(bw_use_vault.cap, at, out, 700, &piece);
            bw_write((const char *)out, piece);
        }
        bw_puts("");
        hex(two, BW_VAULT_SIGNATURE);
    } else if (is("reread")) {
        bw_puts("");
        do {
            result = bw_vault_statement(bw_use_vault.cap, kind, out, 300, &done);
            kind += (uint32_t)done;
            bw_write((const char *)out, result == 0 ? done : 0);
        } while (result == 0 && done > 0);
    } else if (is("attestationkey")) {
        result = bw_vault_attestation_key(bw_use_vault.cap, out);
        say_bytes(result, out, BW_VAULT_PUBLIC);
    } else bw_printf("?");
    const char *const with_result[] = {"generate", "storage", "derive", "restrict", "copy", "close", "destroy", "info", "many", "manyrestrict", "nonsense"};
    for (size_t i = 0; i < sizeof with_result / sizeof *with_result; i++) if (is(with_result[i])) say(result);
    bw_puts("");
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_MINE, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 1);
    const char *line;
    for (uint32_t i = 0; (line = bw_arg_at("do", i)) != NULL; i++) carry_out(line);
    return 0;
}
