/*
 * hops.h: whether there is a way to an address, and who may ask for how many neighbours at once. lwIP has one table of neighbours for all: a client that asks for each address of the net
 * would drive out those that others speak to.
 *
 * Invariant
 *   H1  Of the neighbours that have not answered, at most LIMIT_HOPS_EACH are a client's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* 0, or the refusal: noNetwork, unreachable; full: the client waits for as many neighbours as it may. */
uint32_t hop_to(uint32_t client, uint32_t address);
