/*
 * warden.c: a keeper. The kernel calls it when the prisoner's thread faults; it notes the fault and lets the thread go on at the place the prisoner
 * named. It has no other power over the prisoner, and needs none.
 */
#include <bailiwick.h>

#include "protocol.h"

#define CLIENTS 4

struct client {
    uint64_t landing;
    uint64_t fault;
    uint64_t detail;
    uint64_t access;
};

static struct client clients[CLIENTS];

/* The badge says whose fault or request it is: offer << 16 | client, from 1. */
static struct client *client_of(const struct bw_request *r) {
    const uint64_t number = r->badge & 0xffff;
    return number >= 1 && number <= CLIENTS ? &clients[number - 1] : NULL;
}

/* A fault: pc, then what is peculiar to its kind. Label 0 as the answer: go on, at the word that is with it when there is one. Any other: stay stopped. */
static uint32_t note(struct bw_request *r) {
    struct client *c = client_of(r);
    if (c == NULL || c->landing == 0) return WARDEN_E_BAD_REQUEST;
    c->fault = r->label;
    c->detail = r->w[1];
    c->access = r->w[2];
    return 0;
}

/* An instruction that cannot be done again would fault again. */
static uint32_t on_instruction(struct bw_request *r) {
    const uint32_t label = note(r);
    if (label != 0) return label;
    r->w[0] = client_of(r)->landing;
    r->answer_length = 1;
    return 0;
}

/* The pc stands after the system call: on from there. */
static uint32_t on_call(struct bw_request *r) { return note(r); }

static uint32_t do_guard(struct bw_request *r) {
    struct client *c = client_of(r);
    if (c == NULL) return WARDEN_E_BAD_REQUEST;
    *c = (struct client){.landing = r->w[0]};
    return 0;
}

static uint32_t do_last_fault(struct bw_request *r) {
    struct client *c = client_of(r);
    if (c == NULL) return WARDEN_E_BAD_REQUEST;
    r->w[0] = c->fault;
    r->w[1] = c->detail;
    r->w[2] = c->access;
    r->answer_length = 3;
    c->fault = 0;
    return 0;
}

static uint32_t do_inspect(struct bw_request *r) {
    const uint64_t word = r->w[0];
    r->w[0] = r->badge;
    r->w[1] = r->length;
    r->w[2] = r->caps;
    r->w[3] = word;
    r->answer_length = 4;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {
        {.label = BW_FAULT_CAPABILITY, .words = 1, .handle = on_call},
        {.label = BW_FAULT_UNKNOWN_SYSCALL, .words = 1, .handle = on_call},
        {.label = BW_FAULT_USER_EXCEPTION, .words = 1, .handle = on_instruction},
        {.label = BW_FAULT_VM_FAULT, .words = 1, .handle = on_instruction},
        {.label = BW_FAULT_BREAKPOINT, .words = 1, .handle = on_instruction},
        {.label = WARDEN_GUARD, .words = 1, .handle = do_guard},
        {.label = WARDEN_LAST_FAULT, .words = 0, .handle = do_last_fault},
        {.label = WARDEN_INSPECT, .words = 1, .handle = do_inspect},
    };
    /* A capability that gets through lands here, and would be counted. */
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof methods[0], .bad_request = WARDEN_E_BAD_REQUEST, .receive_first = 128, .receive_count = 1};
    bw_serve(&service);
}
