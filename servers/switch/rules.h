/*
 * rules.h: what may go through a port. A policy is data that is made once from lines of text, by the manifest's author or by who makes less of what it has; a frame is looked up in it.
 * No part of it knows the kernel, so that it can be run on the host.
 *
 * Invariants
 *   F1  A policy without lines lets through what has the port's own address as its source, and what is sent to that address or to a group.
 *   F2  Under a line about addresses or peers, what cannot be checked does not pass: VLAN tags, IPv6, all that is neither ARP nor IPv4, headers that are cut short; under one about
 *       peers also fragments and options, whose ports nobody could know.
 *   F3  Nothing beyond the bytes of the frame is read, whatever its lengths say.
 *   F4  A policy is asked alone, and who has several is allowed what all of them allow: so no line can make a port wider than it was.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POLICY_SOURCES = 8, POLICY_PEERS = 16, LEAST_FRAME = 14 };

/* SEND: what the port's client sends. RECEIVE: what it is to get. */
enum direction { SEND, RECEIVE, DIRECTIONS };

/* Why a frame is not let through; the numbers stand in protocol.ts too. Up to DROP_FRAGMENT a policy's word, the rest the switch's. */
enum verdict {
    PASS,
    /* Another source than the port's, or one that is another port's, a group's, or known elsewhere. */
    DROP_MAC,
    /* An IPv4 source that no line names. */
    DROP_SOURCE,
    /* An ARP message that is none, or speaks for another, or with whom no line allows to. */
    DROP_ARP,
    /* No line about peers allows it. */
    DROP_PEER,
    /* F2. */
    DROP_UNKNOWN,
    DROP_FRAGMENT,
    DROP_ISOLATED,
    DROP_RATE,
    /* Between bridges (802.1D): goes through none. */
    DROP_RESERVED,
    /* The client, or the uplink, had no room; its window was gone. */
    DROP_ROOM,
    DROP_WINDOW,
    VERDICTS
};

struct hosts {
    uint32_t address, mask;
};

/* ARP: to be asked for, no more. ANY: any protocol of IPv4. */
enum protocol { PROTOCOL_ARP, PROTOCOL_ANY, PROTOCOL_ICMP = 1 << 8 | 1, PROTOCOL_TCP = 1 << 8 | 6, PROTOCOL_UDP = 1 << 8 | 17 };

struct peer {
    struct hosts hosts;
    enum protocol protocol;
    /* The peer begins: it connects, or asks, at ports of this side. Else this side does, at ports of the peer's. */
    bool from;
    uint16_t first, last;
};

struct policy {
    bool any_mac, isolated;
    uint32_t sources, peers;
    struct hosts source[POLICY_SOURCES];
    struct peer peer[POLICY_PEERS];
    /* Frames and bytes a second, each way; 0: no limit. */
    uint64_t frames[DIRECTIONS], bytes[DIRECTIONS];
};

/*
 * Adds what the line says, `count` bytes of it. False: it is none, or there are too many; then nothing was added.
 *   mac any | ip HOSTS | arp HOSTS | to HOSTS any | to HOSTS icmp | to HOSTS tcp PORTS | to HOSTS udp PORTS | the same with from | isolated
 *   send frames N | send bytes N | receive frames N | receive bytes N
 */
bool policy_add(struct policy *policy, const char *text, size_t count);

/* own: the port's address, as `mac_of` reads one. The frame has LEAST_FRAME bytes or more. */
enum verdict policy_check(const struct policy *policy, enum direction direction, const uint8_t *frame, uint32_t bytes, uint64_t own);

/* Bytes 0..5 of a frame are the address it goes to, 6..11 where it is from. The first byte lowest, as in NicDriver.info. */
uint64_t mac_of(const uint8_t *bytes);
static inline bool is_group(uint64_t mac) { return (mac & 1) != 0; }
