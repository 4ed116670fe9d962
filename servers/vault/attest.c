/*
 * attest.c: statements of what was loaded and of what runs at that moment, signed with a key that follows from the platform's secret.
 *
 * Invariants
 *   A1  A statement has the nonce that the verifier gave, and what the root server said when it was asked for, not before.
 *   A2  What is signed is what is given out, byte for byte: a client's last statement is kept as what it was made from, and written again when it is read. So a
 *       client that asks without pause takes no other's away.
 */
#include "keys.h"
#include "platform.h"
#include "request.h"

#include <bailiwick/root.h>
#include <bailiwick/timer.h>
#include <sodium/crypto_sign_ed25519.h>

enum { COMPONENTS = 128, NONCE = 32, SIGNATURE = crypto_sign_ed25519_BYTES, MOST_BYTES = 65536, PIECE = MESSAGE_BYTES - 8, NAME_MOST = 64 };

BW_USED(timer);

static struct component {
    struct text name;
    /* NULL: it was not measured. */
    const struct measurement *program;
    char text[NAME_MOST];
} components[COMPONENTS];
static uint32_t components_count;

/* What a client's last statement was made from. */
static struct snapshot {
    bool taken;
    uint8_t nonce[NONCE];
    uint64_t time;
    uint8_t states[COMPONENTS];
} snapshots[CLIENTS];

static char statement[MOST_BYTES];
static size_t length;
/* It does not fit. */
static bool cut;
/* Whose statement is written there, from 1. */
static uint32_t written_for;

static void put(struct text text) {
    if (text.count > sizeof statement - length) {
        cut = true;
        return;
    }
    memcpy(statement + length, text.at, text.count);
    length += text.count;
}
static void put_string(const char *text) { put((struct text){text, strlen(text)}); }

static void put_hex(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char pair[2] = {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15]};
        put((struct text){pair, 2});
    }
}

static void put_number(uint64_t number) {
    char digits[20], *at = &digits[sizeof digits];
    do *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    put((struct text){at, (size_t)(&digits[sizeof digits] - at)});
}

static const char *const states[] = {"unknown", "running", "exited", "faulted"};
enum { STATES = sizeof states / sizeof *states };

/* The statement of a snapshot: compact JSON. */
static void write_statement(const struct snapshot *s) {
    length = 0, cut = false;
    put_string("{\"format\":\"bailiwick-attestation/1\",\"nonce\":\"");
    put_hex(s->nonce, NONCE);
    put_string("\",\"image\":");
    put(image);
    put_string(",\"chain\":\"");
    put_hex(chain, HASH_BYTES);
    put_string("\",\"measurements\":[");
    for (uint32_t i = 0; i < measurements_count; i++) {
        put_string(i == 0 ? "{\"name\":\"" : ",{\"name\":\"");
        put(measurements[i].name);
        put_string("\",\"hash\":\"");
        put(measurements[i].hash);
        put_string("\"}");
    }
    put_string("],\"components\":[");
    for (uint32_t i = 0; i < components_count; i++) {
        put_string(i == 0 ? "{\"name\":\"" : ",{\"name\":\"");
        put(components[i].name);
        put_string("\",\"program\":\"");
        if (components[i].program != NULL) put(components[i].program->hash);
        put_string("\",\"state\":\"");
        put_string(states[s->states[i] < STATES ? s->states[i] : 0]);
        put_string("\"}");
    }
    put_string("],\"time\":");
    if (s->time == 0) put_string("null}");
    else {
        put_string("\"");
        put_number(s->time);
        put_string("\"}");
    }
}

static const struct measurement *measurement_of(const char *name, size_t count) {
    for (uint32_t i = 0; i < measurements_count; i++) if (measurements[i].name.count == count && memcmp(measurements[i].name.at, name, count) == 0) return &measurements[i];
    return NULL;
}

/* Asks the root server for all components. False: there are more than are known here, or it does not tell. */
static bool ask(uint8_t seen[COMPONENTS]) {
    for (uint32_t i = 0;; i++) {
        const struct bw_msg m = bw_call(BW_SLOT_PARENT, bw_info(PARENT_COMPONENT, 1, 0), i, 0, 0, 0);
        if (bw_error(&m) != 0) return false;
        if (bw_label(&m) == PARENT_E_NOT_FOUND) return i == components_count;
        if (bw_label(&m) != 0 || i == COMPONENTS || m.w[1] > NAME_MOST || m.w[1] > m.w[2] || m.w[2] > PIECE) return false;
        seen[i] = (uint8_t)m.w[0];
        if (i < components_count) continue;
        bw_ipc()->words[3] = m.w[3];
        const char *name = (const char *)&bw_ipc()->words[3];
        struct component *c = &components[components_count++];
        memcpy(c->text, name, m.w[1]);
        c->name = (struct text){c->text, m.w[1]};
        c->program = measurement_of(name + m.w[1], m.w[2] - m.w[1]);
    }
}

uint32_t do_attest(struct bw_request *r) {
    struct snapshot s = {.taken = true};
    uint8_t signature[SIGNATURE];
    const uint32_t client = find_client(r->badge, MAY_ATTEST);
    if (client == 0) return VAULT_E_NOT_ALLOWED;
    if (r->w[0] != NONCE || !take_bytes(r, 1, NONCE, s.nonce, NONCE)) return VAULT_E_BAD_REQUEST;
    if (!has_secret) return VAULT_E_NO_PLATFORM;
    if (!ask(s.states)) return VAULT_E_FULL;
    if (bw_use_timer.cap != 0) {
        const struct bw_msg m = bw_call(bw_use_timer.cap, bw_info(TIMER_NOW, 0, 0), 0, 0, 0, 0);
        if (bw_error(&m) == 0 && bw_label(&m) == 0) s.time = m.w[0];
    }
    snapshots[client - 1] = s;
    write_statement(&s);
    written_for = client;
    if (cut) return VAULT_E_FULL;
    (void)crypto_sign_ed25519_detached(signature, NULL, (const uint8_t *)statement, length, attestation_key);
    wipe_stack();
    r->w[0] = length;
    answer_bytes(r, 1, signature, SIGNATURE);
    return 0;
}

uint32_t do_statement(struct bw_request *r) {
    const uint32_t client = find_client(r->badge, MAY_ATTEST);
    if (client == 0) return VAULT_E_NOT_ALLOWED;
    if (!snapshots[client - 1].taken) return VAULT_E_GONE;
    if (written_for != client) write_statement(&snapshots[client - 1]);
    written_for = client;
    const size_t from = r->w[0] < length ? r->w[0] : length;
    answer_bytes(r, 0, statement + from, length - from < PIECE ? length - from : PIECE);
    return 0;
}

uint32_t do_attestation_key(struct bw_request *r) {
    if (find_client(r->badge, 0) == 0) return VAULT_E_NOT_ALLOWED;
    if (!has_secret) return VAULT_E_NO_PLATFORM;
    answer_bytes(r, 0, attestation_key + SECRET_BYTES, PUBLIC_BYTES);
    return 0;
}
