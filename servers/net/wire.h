/*
 * wire.h: the network device as lwIP's one interface, over its driver (<bailiwick/nic.h>). A frame is copied out of the window once, before anybody looks at it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <bailiwick.h>
#include <bailiwick/nic.h>

/* Meets the driver. slots: BW_NIC_SLOTS empty ones; address: a multiple of 2 MiB with 4 MiB free; bit: as in struct bw_channel_wish. NULL, or what is wrong. */
const char *wire_begin(bw_cptr driver, bw_cptr slots, uint64_t address, uint64_t bit);
/* Makes lwIP's interface of it; lwIP is there already. */
bool wire_interface(const char *host_name);
/* Its address, the first byte lowest. */
uint64_t wire_mac(void);
/* Gives lwIP up to `most` frames, and says how many there were. */
uint32_t wire_take(uint32_t most);
/* The driver need not ring: this program looks by itself, until it says that it sleeps. */
void wire_wakes(void);
/* The driver rings when there is something. False: there is. */
bool wire_sleeps(void);
/* What is to go is told; before anything is waited for. */
void wire_announce(void);
/* The driver has ended. */
bool wire_is_gone(void);
