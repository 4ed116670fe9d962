/*
 * nic.h: Ethernet frames to and from a network driver (servers/nic), as they go through a channel's rings; the frames lie in windows of 2 MiB that the
 * client lends. First the messages, then a client that has a window of its own.
 *
 * Frames that come are answered in the order in which they came; a frame that was sent is answered when its memory may be used again, which does not say
 * that it arrived.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/channel.h>

#define BW_NIC_WINDOW (2U << 20)
#define BW_NIC_WINDOWS 16U
/* Bytes of a frame, without its checksum. Room for one has the most. */
#define BW_NIC_LEAST_FRAME 14U
#define BW_NIC_MOST_FRAME 1514U
/* Rooms that may be with the driver at once; one more is BAD. Of frames to send that many are looked at at once. */
#define BW_NIC_ROOMS 64U
#define BW_NIC_TRIES 16U

enum { BW_NIC_SEND = 0, BW_NIC_TAKE = 1 };

struct bw_nic_request {
    /* The sender's own, comes back with the answer. */
    uint32_t id;
    /* BW_NIC_SEND: the frame there. BW_NIC_TAKE: a frame that comes is to be put there. */
    uint32_t operation;
    uint32_t window;
    uint32_t offset;
    /* Of the frame, or of the room for one: BW_NIC_MOST_FRAME or more. */
    uint32_t bytes;
    uint32_t reserved[3];
};
_Static_assert(sizeof(struct bw_nic_request) == 32, "a message of the ring");

enum {
    BW_NIC_DONE = 0,
    /* There is no network, or the device was started anew: what was to be sent may have been, and the room is empty. */
    BW_NIC_FAILED = 1,
    /* A request that makes no sense: operation, length, window, too many rooms. Nothing was done. */
    BW_NIC_BAD = 2,
};

struct bw_nic_answer {
    uint32_t id;
    uint32_t result;
    /* Of the frame that came. */
    uint32_t bytes;
    uint32_t reserved;
};
_Static_assert(sizeof(struct bw_nic_answer) == 16, "a message of the ring");

/* A client: a channel and window 0, with BW_NIC_ROOMS places for frames that come and as many for those that go. To be read only. */
struct bw_nic {
    struct bw_channel channel;
    uint8_t mac[6];
    /* Of an IP packet. */
    uint32_t mtu;
    bool link;
    uint8_t *window;
    /* With the driver: one for each place. */
    bool lent[2 * BW_NIC_ROOMS];
    /* Places that are free for sending. */
    uint32_t free_sends;
    /* Rooms that came back empty, because the device was started anew or is no more: they are lent again with the next frame that is sent, or before the next
     * wait, but before no more than BW_NIC_TRIES waits while nothing at all comes or goes. */
    uint32_t failed_rooms;
    uint32_t tries;
    uint32_t next_send;
    /* What the driver has not been told of: frames to send, and rooms that were lent again. */
    uint32_t untold_sends, untold_rooms;
    /* Frames that the driver says were not sent; answers of the driver's that cannot be. */
    uint64_t failed_sends;
    uint64_t nonsense;
};

/* Slots that bw_nic_open takes from `slots` on. */
#define BW_NIC_SLOTS (2U + BW_CHANNEL_TABLES + BW_CHANNEL_SLOTS(2))

/*
 * Opens the card of `server` (protocol NicDriver), lends a window made of this program's own memory (2 MiB of BW_SLOT_UNTYPED), and all its rooms.
 * slots: BW_NIC_SLOTS empty ones. address: a multiple of 2 MiB, with 4 MiB free: the rings, then the window. bit: as in struct bw_channel_wish.
 * Errors: the kernel's; IllegalOperation when the server refused: there is no network behind the card, or it has another client.
 */
bw_err bw_nic_open(struct bw_nic *nic, bw_cptr server, bw_cptr slots, uint64_t address, uint64_t bit);

/*
 * Sending. bw_nic_place is where a frame of up to BW_NIC_MOST_FRAME bytes may be written, NULL when all places are with the driver; bw_nic_commit sends
 * what was written there, BW_NIC_LEAST_FRAME..BW_NIC_MOST_FRAME bytes. bw_nic_send does both. The driver is told by bw_nic_announce, which comes before
 * anything is waited for. False: there is no place (those that come back are seen by bw_nic_receive), no such length, or the driver is gone.
 */
uint8_t *bw_nic_place(struct bw_nic *nic);
bool bw_nic_commit(struct bw_nic *nic, uint32_t bytes);
bool bw_nic_send(struct bw_nic *nic, const void *frame, uint32_t bytes);
void bw_nic_announce(struct bw_nic *nic);

/*
 * Receiving. Copies the oldest frame that came into `frame`, BW_NIC_MOST_FRAME bytes, once, so that nobody changes it afterwards, and lends the room again.
 * Its bytes; 0 when there is none now.
 */
uint32_t bw_nic_receive(struct bw_nic *nic, void *frame);
/* The driver has said something that has not been looked at: that a frame came, or one is gone. */
bool bw_nic_has_some(struct bw_nic *nic);
/* This end looks by itself, and is not to be rung, until it says bw_nic_sleeps. A driver of higher priority has then answered what it was told of when bw_nic_announce returns. */
void bw_nic_wakes(struct bw_nic *nic);
/* As bw_nic_receive, and waits for one; 0 when the driver is gone. For programs that wait for nothing else. */
uint32_t bw_nic_next(struct bw_nic *nic, void *frame);
/* Announces, and says that this end goes to sleep and is to be rung when something comes. False: there is something, so look again instead. */
bool bw_nic_sleeps(struct bw_nic *nic);
/* The driver has gone, or has broken the channel: nothing comes or goes any more. */
bool bw_nic_over(const struct bw_nic *nic);
