/* chat.h: what both sides do: a keyboard and a screen on this side, a line to the other. */
#pragma once
#include <bailiwick.h>
#include <bailiwick/channel.h>

enum { CHAT_TEXT = 124 };

/* What goes over the line. It comes from somebody else, so it is looked at before it is shown. */
struct chat_message {
    uint32_t count;
    char text[CHAT_TEXT];
};
_Static_assert(sizeof(struct chat_message) % 16 == 0, "a ring's messages are whole units");

/* Both directions of a line. */
#define CHAT_SHAPE ((struct bw_ring_shape){.capacity = 16, .bytes = sizeof(struct chat_message)})

/* The notification's bit that the console signals. */
#define CHAT_KEYS (1ULL << 40)

/* Opens the view, and asks to be told of what is typed. False: the console does not let it. */
bool chat_begin(void);
/* A piece of work: what was typed, what has come. True: there is more. `out` and `in` are NULL while there is no line. */
bool chat_turn(struct bw_sender *out, struct bw_receiver *in);
