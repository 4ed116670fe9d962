/*
 * channel.h: how two programs come to share rings (ring.h). The client calls, with its bell; the server answers with its own and with frames of its
 * memory. Protocol: caps/protocol/channel.ts.
 *
 * The memory is the server's, so a client that ends takes nothing from it, and the server may have many clients. Whoever maps another's memory ends
 * with it: when the server ends, its client's next look at the ring is a VM fault. So the server is the side that must not depend on the other.
 *
 * A program has one bound notification; each of its channels is rung by one bit of it, 2^32..2^52, from the top down where interrupts begin at the bottom.
 * Nothing is allocated after bw_acceptor_init and bw_channel_open.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/channel-protocol.h>
#include <bailiwick/ring.h>
#include <bailiwick/serve.h>

#define BW_CHANNEL_PAGE 4096U
/* Most frames of a channel. */
#define BW_CHANNEL_MOST_PAGES 64U
/* Slots that a channel's page tables may take. */
#define BW_CHANNEL_TABLES 2U
/* Slots of one channel: two bells and its frames. */
#define BW_CHANNEL_SLOTS(pages) (2U + (pages))

/* Frames for rings of these shapes. */
uint32_t bw_channel_pages(struct bw_ring_shape to_server, struct bw_ring_shape from_server);

/* What a client asks for. */
struct bw_channel_wish {
    struct bw_ring_shape to_server;
    struct bw_ring_shape from_server;
    /* First of BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(pages) empty slots, and of `pages` free pages, all in one run of 2 MiB (BW_ADDRESS_OWN and up). */
    bw_cptr slots;
    uint64_t address;
    /* The bit of BW_SLOT_NOTIFICATION that the server rings: one of 2^32..2^52. */
    uint64_t bit;
};

/* A client's side of a channel; `out` or `in` is of no use when its shape is that of no ring. */
struct bw_channel {
    struct bw_sender out;
    struct bw_receiver in;
    bw_cptr slots;
    uint32_t pages;
};

/*
 * Opens a channel with the server of `server`, which takes the right to send capabilities along. What is mapped there, or in the slots, is given back
 * when it fails. Errors: the kernel's; RangeError for a wish that cannot be; IllegalOperation when the server refused (*refusal: CHANNEL_E_...) or gave
 * what a server does not give (*refusal: 0).
 */
bw_err bw_channel_open(struct bw_channel *channel, bw_cptr server, const struct bw_channel_wish *wish, uint32_t *refusal);
/* Closes both ends, and takes the memory out of this program. Its slots are empty again but for page tables, which stay: to open another, at the same address. */
void bw_channel_close(struct bw_channel *channel);

/* A server's side of one client's channel. */
struct bw_accepted {
    /* Whose it is: the badge. 0: nobody's. */
    uint64_t client;
    struct bw_receiver in;
    struct bw_sender out;
    bool has_in;
    bool has_out;
    /* Frames that the client may ask for. */
    uint32_t pages;
};

/* All channels of a server. */
struct bw_acceptor {
    struct bw_accepted *channels;
    uint32_t count;
    /* Frames of each, 1..BW_CHANNEL_MOST_PAGES. count * pages is at most 512. */
    uint32_t pages;
    /* First of BW_CHANNEL_TABLES + count * BW_CHANNEL_SLOTS(pages) empty slots, and of count * pages free pages, all in one run of 2 MiB. */
    bw_cptr slots;
    uint64_t address;
    /* Channel i is rung by first_bit << i. */
    uint64_t first_bit;
    /* Where the service receives capabilities: its receive_first. */
    bw_cptr received;
};

/* Makes and maps the memory of all channels. Errors: the kernel's; RangeError. */
bw_err bw_acceptor_init(struct bw_acceptor *acceptor);
/*
 * Handlers of CHANNEL_OPEN (4 words) and CHANNEL_MEMORY (1 word). A client has one channel: opening it again takes the old one back, and a client whose
 * program has ended, or that has closed both ends, makes room for another.
 * The shapes are the client's wish: a server checks w[1] and w[3] first, for a message is copied into, or out of, what it has for one.
 */
uint32_t bw_accept(struct bw_acceptor *acceptor, struct bw_request *request);
uint32_t bw_accept_memory(struct bw_acceptor *acceptor, struct bw_request *request);
/* The channel of the client with this badge, NULL for none. */
struct bw_accepted *bw_accepted_of(struct bw_acceptor *acceptor, uint64_t client);
/* Closes the ends. The channel stays the client's until it opens another, has closed, or has ended. */
void bw_accepted_close(struct bw_accepted *channel);
