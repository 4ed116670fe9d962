/*
 * rules.h: what a capability of the network may do. A rule is data that is made once from a line of text, by the manifest's author or by who makes less of what it has; a request is
 * looked up in it, never the other way round.
 *
 * Invariants
 *   R1  Nothing is allowed that no rule names.
 *   R2  A rule by name allows that name and no address; a rule by address allows addresses and no name. So no name is looked up for who may not use it.
 *   R3  rules_within: whatever the inner rule allows, the outer one does.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/* UDP_PEER: datagrams with a host's port; UDP_OWN: datagrams at a port of this side; PING: echo requests, to port 0 of a host. */
enum rule_kind { RULE_CONNECT, RULE_LISTEN, RULE_UDP_PEER, RULE_UDP_OWN, RULE_PING };

struct rule {
    enum rule_kind kind;
    /* Ports from .. to. */
    uint16_t from, to;
    /* Of addresses: those that are `address` under `mask`. Of a name: both 0. */
    uint32_t address, mask;
    /* In small letters; empty: a rule of addresses. */
    char name[LIMIT_NAME + 1];
};

struct rules {
    uint32_t count;
    struct rule rule[LIMIT_RULES];
};

/* Adds what the line says, `count` bytes of it. False: it is no rule, or there are too many; then nothing was added. */
bool rules_add(struct rules *rules, const char *text, size_t count);
/* The same for the manifest's short form: the word before it is known. */
bool rules_add_of(struct rules *rules, const char *word, const char *text);

bool rules_allow_address(const struct rules *rules, enum rule_kind kind, uint32_t address, uint16_t port);
/* name: in small letters, as host_name makes it. port 0: any that a rule has. */
bool rules_allow_name(const struct rules *rules, enum rule_kind kind, const char *name, uint16_t port);
bool rules_allow_port(const struct rules *rules, enum rule_kind kind, uint16_t port);
bool rules_have(const struct rules *rules, enum rule_kind kind);
/* All of `inner` is within rules of `outer`. */
bool rules_within(const struct rules *outer, const struct rules *inner);

/* What a host is called. An address as four numbers, or a name of letters, digits, '-' and '.', put into `name` in small letters. */
enum host_kind { HOST_NONE, HOST_ADDRESS, HOST_NAME };
enum host_kind host_of(const char *text, size_t count, uint32_t *address, char name[LIMIT_NAME + 1]);
