/*
 * requests.h: who waits for the operator. A caller waits in its own reply object, so one that asks costs nobody else anything. Invariant P4: a client of the
 * manifest has at most one request that waits, whatever it does; there are places for 33 clients.
 */
#pragma once
#include <bailiwick.h>
#include <stdbool.h>

enum { NAME_MOST = 64, PURPOSE_MOST = 400 };

struct request {
    /* Its badge; 0: free. */
    uint64_t client;
    /* They are answered in this order. */
    uint64_t number;
    /* Holds the caller; while this is free, a free reply object. */
    bw_cptr reply;
    uint32_t rights;
    uint32_t kind;
    bool make;
    /* What the program says: bytes of any kind. */
    uint32_t name_count, purpose_count;
    uint8_t name[NAME_MOST], purpose[PURPOSE_MOST];
};

/* False: there is no memory for the reply objects. */
bool requests_begin(void);
/* The handler's part of an ask: 0, and what was asked is copied, or a refusal. */
uint32_t request_check(struct bw_request *r);
/* What was checked last waits from now on, its caller out of the loop's reply object: BW_LATER. A refusal: nobody waits for an answer, or there is no room. */
uint32_t request_keep(const struct bw_request *r);
/* The one that has waited longest; NULL: nobody waits. It is kept until it is answered. */
struct request *request_take(void);
/* How many wait beside the one that was taken. */
uint32_t requests_waiting(void);
/* Its caller still waits. */
bool request_is_there(struct request *request);
/* Answers and frees it. False: the caller is there no more, and got nothing. cap: 0 for none. */
bool request_answer(struct request *request, uint32_t label, uint64_t rights, bool made, bw_cptr cap);
/* All that this client asks is denied at once, until everybody is heard again. False: too many are not heard. */
bool client_mute(uint64_t client);
void clients_hear(void);
/* The client's name in the manifest. */
const char *client_name(uint64_t client);
