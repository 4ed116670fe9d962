/*
 * patterns/gate.h: one capability that stands before another. With a list of labels it is a facet: only those methods are there. Closed for a while and opened
 * again it is a caretaker; it counts what passes and what does not.
 *
 * A program has as many gates as it likes: a badge of its endpoint for each, that it finds in a `first` handler (serve.h) and hands to bw_gate_handle. What it gives
 * away is minted with bw_lend, so the kernel can take it back too.
 *
 *   G1  Nothing reaches the target but by a label of the list, while the gate is open.
 *   G2  The target sees the gate's program as its client, and no badge of whoever called.
 *   G3  Capabilities pass only where `carries` says so, and then as they are: what a target answers leads round the gate. A membrane wraps them (membrane.h).
 *
 * The calling thread is inside the target until that answers: others wait in line. A target that calls the same thread's endpoint meanwhile waits for ever for itself; a
 * membrane with several threads refuses instead. A Send through a gate is carried out as a Call whose answer nobody gets.
 */
#pragma once
#include <stdbool.h>

#include <bailiwick/serve.h>

struct bw_gate {
    /* Needs Write and GrantReply; Grant if capabilities shall pass. 0: taken back. */
    bw_cptr target;
    /* The labels that pass; NULL: all. */
    const uint32_t *labels;
    uint32_t count;
    /* Capabilities pass, in requests and in answers: for requests the service has receive slots. */
    bool carries;
    bool paused;
    /* BW_MAX_CAPS empty slots of its own, in which the capabilities of an answer stand until the next request. Only if it carries. */
    bw_cptr answers;
    /* Its own: how many of them are in use. */
    uint32_t held;
    /* Calls that reached the target; that did not. */
    uint64_t passed, refused;
};

/*
 * Carries a request out on the target and makes the answer of it. Refusals: PATTERNS_E_... (patterns-protocol.h) and the target's own; where the
 * kernel could not deliver, `gone`, with its error in word 0.
 */
uint32_t bw_gate_handle(struct bw_gate *gate, struct bw_request *request);
