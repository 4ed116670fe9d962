/*
 * stranger.c: does what args.do says, a line each, and says what came of it. Capabilities it has are letters: a..z are slots of its own, F its friend, S what else the manifest gives it, H the host, N what is nothing,
 * E its own endpoint, B its bell.
 */
#include <bailiwick.h>
#include <bailiwick/patterns-protocol.h>

#include "protocol.h"

BW_USE(console);
BW_USE(host);
BW_USE(friend);
BW_USE(direct);

enum { SLOT_RECEIVED = 128, SLOT_LETTERS = 140, SLOT_BELL = 170, SLOT_TRIES = 171, SLOT_PARTS = 176 };

static bw_cptr cap_of(char letter) {
    switch (letter) {
    case 'F': return bw_use_friend.cap;
    case 'S': return bw_use_direct.cap;
    case 'H': return bw_use_host.cap;
    case 'E': return BW_SLOT_SERVICE;
    case 'B': return SLOT_BELL;
    case 'C': return BW_SLOT_CNODE;
    case 'U': return BW_SLOT_UNTYPED;
    case 'T': return BW_SLOT_TCB;
    case 'V': return BW_SLOT_VSPACE;
    case 'M': return BW_SLOT_IPC_BUFFER;
    case 'D': return BW_SLOT_DISCRIM;
    default: return letter >= 'a' && letter <= 'z' ? SLOT_LETTERS + (bw_cptr)(letter - 'a') : 0;
    }
}

static const char *label_name(uint64_t label) {
    static const char *const refusals[] = {"badRequest", "revoked", "paused", "notAllowed", "cannotPass", "full", "gone", "busy", "noBox", "otherBrand"};
    if (label >= 1U << 20) return bw_error_name((bw_err)(label - (1U << 20)));
    if (label == 0) return "done";
    if (label >= PATTERNS_E_BAD_REQUEST && label <= PATTERNS_E_OTHER_BRAND) return refusals[label - PATTERNS_E_BAD_REQUEST];
    return label == 1 ? "bad request" : label == 2 ? "no capability" : "?";
}
static const char *result(const struct bw_msg *m) { return label_name(bw_error(m) != 0 ? bw_error(m) + (1U << 20) : bw_label(m)); }

static uint64_t number(const char **at) {
    uint64_t n = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) n = n * 10 + (uint64_t)(**at - '0');
    return n;
}

/* Calls with these letters' capabilities, and puts what the answer brings into `to`. */
static struct bw_msg ask(bw_cptr cap, uint32_t label, uint64_t w0, const char *caps, bw_cptr to) {
    uint32_t count = 0;
    for (; count < BW_MAX_CAPS && caps[count] != 0 && caps[count] != ' '; count++) bw_ipc()->caps[count] = cap_of(caps[count]);
    for (uint32_t i = 0; i < BW_MAX_CAPS; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_RECEIVED + i);
    bw_receive_slots(SLOT_RECEIVED, BW_MAX_CAPS);
    const struct bw_msg m = bw_call(cap, bw_info(label, 1, count), w0, 0, 0, 0);
    if (to != 0) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, to);
        (void)bw_cnode_move(BW_SLOT_CNODE, to, BW_SLOT_CNODE, SLOT_RECEIVED);
    }
    return m;
}

static uint32_t kind_of(bw_cptr cap) {
    uint32_t kind = 0, rights = 0;
    return bw_discrim_classify(BW_SLOT_DISCRIM, cap, &kind, &rights) != 0 ? 99 : kind;
}

static void say_numbers(const struct bw_msg *m, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) bw_printf(" %lu", m->w[i]);
}

/* Who answers with the word that only the inner service has, of all that can be named. */
static void probe(void) {
    uint32_t found = 0;
    for (bw_cptr cap = 0; cap < 4096; cap++) {
        if (cap == BW_SLOT_PARENT || cap == bw_use_console.cap || cap == BW_SLOT_TCB) continue;
        const uint32_t kind = cap < 256 ? kind_of(cap) : 0;
        if (kind == BW_KIND_REPLY || (kind == BW_KIND_ENDPOINT && cap == BW_SLOT_SERVICE)) continue;
        const struct bw_msg m = bw_call(cap, bw_info(PARTY_ADD, 1, 0), 1, 0, 0, 0);
        if (bw_error(&m) == 0 && bw_label(&m) == 0 && m.w[2] == 777) found++;
    }
    bw_printf(" %u answer", found);
}

/* Other badges of the same endpoint than the one it was given: made of it by each way there is. */
static void forge(bw_cptr cap) {
    uint32_t made = 0;
    for (uint64_t badge = 0; badge < 64; badge++) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_TRIES);
        if (bw_cnode_mint(BW_SLOT_CNODE, SLOT_TRIES, BW_SLOT_CNODE, cap, BW_ALL_RIGHTS, (badge & 1) != 0 ? badge : 0x80000000 + badge) == 0) made++;
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_TRIES);
        (void)bw_cnode_copy(BW_SLOT_CNODE, SLOT_TRIES + 1, BW_SLOT_CNODE, cap, BW_ALL_RIGHTS);
        if (bw_cnode_mutate(BW_SLOT_CNODE, SLOT_TRIES, BW_SLOT_CNODE, SLOT_TRIES + 1, 0x80000000 + badge) == 0) made++;
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_TRIES + 1);
    }
    bw_printf(" %u made", made);
}

/* Passes capabilities, each another than all before, until it is refused. */
static void many(bw_cptr cap) {
    uint32_t done = 0;
    struct bw_msg m;
    for (;; done++) {
        (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_TRIES);
        (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_TRIES, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE | BW_RIGHT_GRANT_REPLY, 0x90000000 + done);
        bw_ipc()->caps[0] = SLOT_TRIES;
        m = bw_call(cap, bw_info(PARTY_TAKE, 0, 1), 0, 0, 0, 0);
        if (bw_error(&m) != 0 || bw_label(&m) != 0 || done == 1000) break;
    }
    bw_printf(" %u, then %s", done, result(&m));
}

static void echo(bw_cptr cap) {
    for (uint32_t i = 0; i < BW_MAX_WORDS; i++) bw_ipc()->words[i] = 1000 + i;
    const struct bw_msg m = bw_call_buffer(cap, PARTY_ECHO, BW_MAX_WORDS, 0);
    uint32_t right = 0;
    for (uint32_t i = 0; i < BW_MAX_WORDS; i++) right += bw_ipc()->words[i] == 1001 + i;
    bw_printf(" %s %u", result(&m), right);
}

static bool is(const char *line, const char *word, const char **rest) {
    const size_t n = strlen(word);
    if (strncmp(line, word, n) != 0 || (line[n] != 0 && line[n] != ' ')) return false;
    *rest = line[n] == 0 ? &line[n] : &line[n + 1];
    return true;
}

struct verb {
    const char *name;
    uint32_t label;
    /* Of the answer. */
    uint32_t words;
};

/* VERB LETTER [NUMBER] [CAPS...] [>LETTER] */
static bool carry_out_call(const char *line) {
    static const struct verb verbs[] = {
        {"add", PARTY_ADD, 3}, {"give", PARTY_GIVE, 1}, {"take", PARTY_TAKE, 3}, {"call", PARTY_CALL, 3}, {"chain", PARTY_CHAIN, 3}, {"back", PARTY_BACK, 0}, {"givekind", PARTY_GIVE_KIND, 0},
        {"rung", PARTY_RUNG, 1}, {"ring", PARTY_RING, 1}, {"hang", PARTY_HANG, 0}, {"end", PARTY_END, 0}, {"seal", PATTERNS_SEAL, 0}, {"unseal", PATTERNS_UNSEAL, 0}, {"discard", PATTERNS_DISCARD, 0},
        {"get", HOST_GET, 0}, {"revoke", HOST_REVOKE, 0}, {"pause", HOST_PAUSE, 0}, {"counts", HOST_COUNTS, 4}, {"refused", HOST_REFUSED, 2}, {"odd", 0x7abc, 0},
    };
    const char *at = line;
    const struct verb *verb = NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) if (is(line, verbs[i].name, &at)) verb = &verbs[i];
    if (verb == NULL) return false;
    const bw_cptr cap = cap_of(*at++);
    while (*at == ' ') at++;
    const uint64_t n = number(&at);
    while (*at == ' ') at++;
    const char *caps = *at == '>' ? "" : at;
    while (*at != 0 && *at != '>') at++;
    const bw_cptr to = *at == '>' ? cap_of(at[1]) : 0;
    const struct bw_msg m = ask(cap, verb->label, n, caps, to);
    bw_printf(" %s", result(&m));
    if (bw_error(&m) == 0 && bw_label(&m) == 0) {
        const bool relayed = verb->label == PARTY_CALL || verb->label == PARTY_CHAIN;
        if (relayed) bw_printf(" (%s)", label_name(m.w[0]));
        if (!relayed || m.w[0] == 0) say_numbers(&m, verb->words);
    }
    if (to != 0) bw_printf(", brings %u", kind_of(to));
    return true;
}

static void carry_out(const char *line) {
    const char *rest = "";
    bw_printf("%s:", line);
    if (is(line, "probe", &rest)) probe();
    else if (is(line, "forge", &rest)) forge(cap_of(*rest));
    else if (is(line, "many", &rest)) many(cap_of(*rest));
    else if (is(line, "echo", &rest)) echo(cap_of(*rest));
    else if (is(line, "signal", &rest)) bw_printf(" %s", bw_error_name(bw_signal(cap_of(*rest))));
    else if (is(line, "part", &rest)) {
        const char *at = rest + 2;
        bw_printf(" %s", bw_error_name(bw_cnode_mint(BW_SLOT_CNODE, cap_of(*rest), BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_ALL_RIGHTS, number(&at))));
    } else if (is(line, "copy", &rest)) bw_printf(" %s", bw_error_name(bw_cnode_copy(BW_SLOT_CNODE, cap_of(rest[2]), BW_SLOT_CNODE, cap_of(*rest), BW_ALL_RIGHTS)));
    else if (is(line, "same", &rest)) {
        uint32_t same = 9;
        (void)bw_discrim_same(BW_SLOT_DISCRIM, cap_of(*rest), cap_of(rest[2]), &same);
        bw_printf(" %u", same);
    } else if (is(line, "bell", &rest)) {
        const struct bw_msg m = bw_poll(BW_SLOT_NOTIFICATION);
        bw_printf(" %s %lu", bw_error_name(bw_error(&m)), m.badge);
    } else if (is(line, "yield", &rest)) for (uint32_t i = 0; i < 50; i++) bw_yield();
    else if (!carry_out_call(line)) bw_printf(" what is that?");
    bw_puts("");
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_BELL, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE, 8);
    const char *line;
    for (uint32_t i = 0; (line = bw_arg_at("do", i)) != NULL; i++) carry_out(line);
    bw_flush();
    return 0;
}
