/*
 * stations.h: which station (Ethernet address) is behind which place: a port whose client may use any address, or an uplink. Addresses of the ports' own are not in it.
 *
 * Invariants
 *   T1  A place has at most its share of the table, and only it writes there: who sends from many addresses drives out those of its own place, the one not seen for longest first.
 *   T2  An address is behind one place. While it has been heard there in the last STATION_NS, no other place can have it.
 * No part of it knows the kernel, so that it can be run on the host.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { STATIONS_EACH = 64, STATION_PLACES = 14, NOWHERE = -1 };
/* Five minutes, as bridges do (802.1D). */
#define STATION_NS 300000000000ULL

/* A frame from `mac` came from `place` at `now`. False: it is another's. */
bool station_heard(uint64_t mac, uint32_t place, uint64_t now);
/* The place, or NOWHERE: it is not known, or not any more. */
int station_place(uint64_t mac, uint64_t now);
/* All of a place's. */
void stations_forget(uint32_t place);
uint32_t stations_of(uint32_t place, uint64_t now);
