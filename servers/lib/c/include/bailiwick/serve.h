/*
 * serve.h: the receive loop. A server is an init and one handler per message; the loop receives, looks the label up, checks the length, answers,
 * and keeps signals of the bound notification apart from messages. A client can send anything at any time: what a handler reads is a copy in
 * registers or this thread's own IPC buffer, which no one else can change.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

struct bw_service;

/* The top bit of a badge that a server mints itself, with whatever it likes below: clients of the manifest have badges under 2^32, signals from there to 2^52. */
#define BW_BADGE_MINTED (1ULL << 63)

/* A request; the handler makes it the answer: it writes w[] (or the IPC buffer's words) and answer_length; CPtrs into the IPC buffer's caps and answer_caps. */
struct bw_request {
    /* Where it arrived. */
    const struct bw_service *service;
    /* Which offer and which client: offer << 16 | client; or what the server minted. The kernel vouches for it. */
    uint64_t badge;
    uint32_t label;
    /* Words and capabilities that came. */
    uint32_t length;
    uint32_t caps;
    /* One bit for each capability that came as a badge only (in the IPC buffer's caps) and took no slot. */
    uint32_t unwrapped;
    /* Words 0..3; those from `length` on are 0. */
    uint64_t w[BW_REGISTER_WORDS];
    /* The reply object that holds this caller. */
    bw_cptr reply;
    /* Words of the answer, 0..120; 0 unless the handler sets it. */
    uint32_t answer_length;
    /* Capabilities of the answer, 0..3. */
    uint32_t answer_caps;
};

/* A handler's result: the label of the answer, 0 for success, or BW_LATER: the caller waits in `reply` until the server answers it with bw_send. */
#define BW_LATER UINT32_MAX
/* Of a `first` handler only: the request is not its own, and goes to the methods. */
#define BW_NOT_MINE (UINT32_MAX - 1)
typedef uint32_t bw_handler(struct bw_request *request);

struct bw_method {
    uint32_t label;
    /* Least words; a shorter request is refused without calling the handler. */
    uint32_t words;
    bw_handler *handle;
};

struct bw_service {
    const struct bw_method *methods;
    size_t count;
    /* The label that answers what is in no method's shape. */
    uint32_t bad_request;
    /* Sees each request before the methods do, whatever its label: for capabilities that lead to something else than this protocol, by the badge. NULL: none. */
    bw_handler *first;
    /* Called with the word of the bound notification; NULL when the server has none. */
    void (*notified)(uint64_t bits);
    /*
     * Work that signals tell of and that may be long (a ring to be emptied): called after each signal, and does a bounded piece. True: there is more;
     * it is called again after the next message, or at once when none waits, so that neither keeps the other waiting. NULL when there is none.
     */
    bool (*turn)(void);
    /* Where requests arrive, 0: BW_SLOT_SERVICE. */
    bw_cptr endpoint;
    /* The reply object to receive with, 0: BW_SLOT_REPLY. A handler that returns BW_LATER has put another, free one here. */
    bw_cptr reply;
    /* Slots for capabilities that come with requests; the loop empties those the handler did not move away. */
    bw_cptr receive_first;
    uint32_t receive_count;
    /* The server's own: what its handlers work on, where several threads have a service each. */
    void *context;
};

/* Serves for ever. */
_Noreturn void bw_serve(struct bw_service *service);

/*
 * The byte string of a request whose protocol has it after `words` words: `count` bytes in this thread's IPC buffer, valid until the next system
 * call. NULL when the message is shorter than that.
 */
const uint8_t *bw_request_bytes(struct bw_request *request, uint32_t words, uint64_t count);

/*
 * The same as a name: a string of up to room - 1 bytes from '!' to '~', with a 0 behind. False when it is none. An empty one is a name.
 */
bool bw_request_name(struct bw_request *request, uint32_t words, uint64_t count, char *name, size_t room);

/*
 * Room for the byte string of the answer, after `words` words: write up to (120 - words) * 8 bytes there, then call bw_answer_bytes with their
 * number. Words before it are set in w[] as usual, before bw_answer_bytes.
 */
uint8_t *bw_answer_room(uint32_t words);
void bw_answer_bytes(struct bw_request *request, uint32_t words, uint64_t count);
