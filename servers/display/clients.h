/*
 * clients.h: the clients of the manifest and what they are told. Each has at most one channel, with a ring of events to it.
 *
 * A client that takes no events loses its own and nobody else's, and is told so when it takes some again, and whether it has the focus: BW_EVENT_DROPPED.
 */
#pragma once
#include <bailiwick.h>
#include <stdbool.h>
#include <stdint.h>

#include "windows.h"

/* Frames of a channel: 512 events. */
enum { CLIENT_PAGES = 3 };
bw_err clients_init(bw_cptr received, bw_cptr slots, uint64_t address, uint64_t first_bit);
#define CLIENTS_SLOTS (BW_CHANNEL_TABLES + WINDOWS_MOST * BW_CHANNEL_SLOTS(CLIENT_PAGES))
/* The number of the client with this badge, from 0, whatever offer of ours it uses. NOBODY: none of the manifest's. */
uint32_t client_of(uint64_t badge);

void client_tell(uint32_t number, uint16_t type, uint16_t code, int32_t value);
/* Some of its events are lost: it hears so first. */
void client_lost(uint32_t number);

/* Handlers of Display.open and Display.memory. */
uint32_t do_open(struct bw_request *r);
uint32_t do_memory(struct bw_request *r);
