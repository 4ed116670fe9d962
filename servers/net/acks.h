/*
 * acks.h: which segments of a connection lwIP is shown. It answers each that is empty and lies outside its window, and with a window of zero so does every one: two such ends whose windows are
 * both closed would answer each other for ever, with all the time there is.
 *
 * Invariant
 *   A1  Of the segments that would be answered for their place alone and say nothing new, a connection sees one in ACK_PAUSE_MS.
 * Source: RFC 5961, section 7 (ACK throttling).
 */
#pragma once

#define ACK_PAUSE_MS 500
/* Only pointers are needed before lwIP has said what they are of. */
struct tcp_pcb;
struct tcp_hdr;
struct pbuf;
/* LWIP_HOOK_TCP_INPACKET_PCB: 0, the segment is looked at (its header's numbers are the host's, `rest` is what follows it); else it is dropped. */
signed char net_looks_at(struct tcp_pcb *pcb, struct tcp_hdr *header, struct pbuf *rest);
