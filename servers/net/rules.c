/* rules.c: see rules.h. No part of it knows of lwIP or the kernel, so that it can be run on the host. */
#include "rules.h"

#include <string.h>

#include <bailiwick/addresses.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char small(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

enum host_kind host_of(const char *text, size_t count, uint32_t *address, char name[LIMIT_NAME + 1]) {
    bool letters = false;
    if (count == 0 || count > LIMIT_NAME) return HOST_NONE;
    if (bw_read_address(text, count, address)) return HOST_ADDRESS;
    size_t label = 0;
    for (size_t i = 0; i < count; i++) {
        const char c = small(text[i]);
        const bool letter = (c >= 'a' && c <= 'z') || c == '_';
        if (c == '.' ? label == 0 : !letter && !is_digit(c) && c != '-') return HOST_NONE;
        label = c == '.' ? 0 : label + 1;
        if (label > 63) return HOST_NONE;
        letters = letters || letter;
        name[i] = c;
    }
    /* The point at the end of a full name says nothing more; what has only digits and points is a misspelt address. */
    if (label == 0) count--;
    name[count] = 0;
    return letters ? HOST_NAME : HOST_NONE;
}

/* The whole text as hosts. */
static bool hosts_of(const char *text, size_t count, struct rule *rule) {
    rule->name[0] = 0;
    if (bw_read_hosts(text, count, &rule->address, &rule->mask)) return true;
    rule->address = rule->mask = 0;
    return (rule->kind == RULE_CONNECT || rule->kind == RULE_PING) && host_of(text, count, &rule->address, rule->name) == HOST_NAME;
}

static bool add(struct rules *rules, const struct rule *rule) {
    if (rules->count == LIMIT_RULES) return false;
    rules->rule[rules->count++] = *rule;
    return true;
}

static bool add_all(struct rules *rules) {
    static const enum rule_kind kinds[] = {RULE_CONNECT, RULE_LISTEN, RULE_UDP_PEER, RULE_UDP_OWN, RULE_PING};
    const uint32_t before = rules->count;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const bool ports = kinds[i] != RULE_PING;
        const struct rule rule = {.kind = kinds[i], .from = ports ? 1 : 0, .to = ports ? UINT16_MAX : 0};
        if (!add(rules, &rule)) {
            rules->count = before;
            return false;
        }
    }
    return true;
}

static bool add_of(struct rules *rules, const char *word, size_t letters, const char *text, size_t count) {
    struct rule rule = {0};
    size_t colon = 0;
    while (colon < count && text[colon] != ':') colon++;
    const bool connect = letters == 7 && strncmp(word, "connect", 7) == 0, listen = letters == 6 && strncmp(word, "listen", 6) == 0, udp = letters == 3 && strncmp(word, "udp", 3) == 0;
    const bool ping = letters == 4 && strncmp(word, "ping", 4) == 0;
    if (!connect && !listen && !udp && !ping) return false;
    rule.kind = ping ? RULE_PING : connect ? RULE_CONNECT : listen ? RULE_LISTEN : colon < count ? RULE_UDP_PEER : RULE_UDP_OWN;
    if (ping) return hosts_of(text, count, &rule) && add(rules, &rule);
    if (rule.kind == RULE_LISTEN || rule.kind == RULE_UDP_OWN) return bw_read_ports(text, count, &rule.from, &rule.to) && add(rules, &rule);
    return colon < count && hosts_of(text, colon, &rule) && bw_read_ports(text + colon + 1, count - colon - 1, &rule.from, &rule.to) && add(rules, &rule);
}

bool rules_add(struct rules *rules, const char *text, size_t count) {
    size_t word = 0;
    if (count == 3 && strncmp(text, "all", 3) == 0) return add_all(rules);
    while (word < count && text[word] != ' ') word++;
    return word < count && add_of(rules, text, word, text + word + 1, count - word - 1);
}

bool rules_add_of(struct rules *rules, const char *word, const char *text) { return add_of(rules, word, strlen(word), text, strlen(text)); }

static bool has_port(const struct rule *rule, uint16_t port) { return port >= rule->from && port <= rule->to; }

bool rules_allow_address(const struct rules *rules, enum rule_kind kind, uint32_t address, uint16_t port) {
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rule[i];
        if (rule->kind == kind && rule->name[0] == 0 && (address & rule->mask) == rule->address && has_port(rule, port)) return true;
    }
    return false;
}

bool rules_allow_name(const struct rules *rules, enum rule_kind kind, const char *name, uint16_t port) {
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->rule[i];
        const bool same = rule->name[0] == 0 ? rule->mask == 0 : strcmp(rule->name, name) == 0;
        if (rule->kind == kind && same && (port == 0 || has_port(rule, port))) return true;
    }
    return false;
}

bool rules_allow_port(const struct rules *rules, enum rule_kind kind, uint16_t port) {
    for (uint32_t i = 0; i < rules->count; i++) if (rules->rule[i].kind == kind && has_port(&rules->rule[i], port)) return true;
    return false;
}

bool rules_have(const struct rules *rules, enum rule_kind kind) {
    for (uint32_t i = 0; i < rules->count; i++) if (rules->rule[i].kind == kind) return true;
    return false;
}

static bool is_within(const struct rule *outer, const struct rule *inner) {
    if (outer->kind != inner->kind || inner->from < outer->from || inner->to > outer->to) return false;
    /* Any host at all, names among them. */
    if (outer->name[0] == 0 && outer->mask == 0) return true;
    if (outer->name[0] != 0 || inner->name[0] != 0) return strcmp(outer->name, inner->name) == 0;
    return (inner->mask & outer->mask) == outer->mask && (inner->address & outer->mask) == outer->address;
}

bool rules_within(const struct rules *outer, const struct rules *inner) {
    for (uint32_t i = 0; i < inner->count; i++) {
        uint32_t o = 0;
        while (o < outer->count && !is_within(&outer->rule[o], &inner->rule[i])) o++;
        if (o == outer->count) return false;
    }
    return true;
}
