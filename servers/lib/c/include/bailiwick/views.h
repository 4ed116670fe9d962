/*
 * views.h: a terminal shared by the clients of a server that speaks the protocol Console. Each client has a view of its own: its output, its input, and a
 * label, which is its name in the manifest. A driver brings the line; what all of them do is here. Behaviour: servers/console/README.md.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick/syscall.h>

/* A device that carries bytes. send, receive and want make no system call: what a client sent lies in the IPC buffer meanwhile. */
struct bw_line {
    /* Takes as many bytes as the device has room for, and says how many. If that is not all of them it interrupts when it has room again. */
    uint32_t (*send)(const uint8_t *bytes, uint32_t count);
    /* The next byte of input. False: there is none now, and the device interrupts when there is. */
    bool (*receive)(uint8_t *byte);
    /* Which of both the server waits for; NULL if the device needs not be told. */
    void (*want)(bool input, bool output);
    /* A signal of the bound notification: the driver sees to its device, and calls bw_views_go_on. */
    void (*notified)(uint64_t bits);
    /* After a client's output was sent, when system calls may be made; NULL if there is nothing to do. */
    void (*sent)(void);
    /* A capability of protocol Timer, for quotas; 0: there are none. */
    bw_cptr timer;
};

/* Slots from here up are the driver's; those from 128 on below are taken. */
#define BW_VIEWS_SLOTS_END 224

/* Serves for ever; returns when the manifest's args make no sense or the memory does not suffice, which is told to the operator. */
void bw_views_serve(const struct bw_line *line);
/* The device may have input, or room for output. */
void bw_views_go_on(void);
