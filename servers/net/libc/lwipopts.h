/*
 * lwipopts.h: how lwIP 2.2.1 is compiled here: without an operating system under it, IPv4 alone, with pools of fixed size, and as deaf as it can be. The set-up fetched
 * it and nobody has changed it; which of its files are taken is said in lwip-*.c.
 *
 * The sizes follow from limits.h: whatever a client may have at once is there for it, so that none can use up what another needs.
 */
#pragma once
#include "../limits.h"

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_STATS 0
#define LWIP_IPV6 0
/* No raw sockets; where lwIP would ask them stands ping.c. */
#define LWIP_RAW 1
#define MEMP_NUM_RAW_PCB 1
#define LWIP_IGMP 0
#define LWIP_AUTOIP 0
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_HAVE_LOOPIF 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_NETIF_LINK_CALLBACK 0
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
/* Nothing here sends fragments, and what comes as fragments is dropped: their reassembly is memory that anybody on the wire could fill. */
#define IP_FRAG 0
#define IP_REASSEMBLY 0
#define IP_FORWARD 0
#define IP_OPTIONS_ALLOWED 0
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 1

#define LWIP_ARP 1
#define ARP_TABLE_SIZE 64
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 4
#define ETHARP_SUPPORT_VLAN 0
#define LWIP_ICMP 1
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0

#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define LWIP_ACD 0
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_DNS 1
#define DNS_MAX_SERVERS 2
#define DNS_TABLE_SIZE LIMIT_LOOKUPS
#define DNS_MAX_REQUESTS LIMIT_LOOKUPS
#define DNS_MAX_NAME_LENGTH (LIMIT_NAME + 1)
#define DNS_MAX_SOURCE_PORTS LIMIT_LOOKUPS
#define LWIP_DNS_SUPPORT_MDNS_QUERIES 0
#define LWIP_DHCP_MAX_NTP_SERVERS 0

#define LWIP_UDP 1
#define LWIP_TCP 1
#define TCP_MSS 1460
/* A socket's buffer here has room for the whole window: what comes is copied out of lwIP at once, so small segments take no more memory than large ones. */
#define TCP_WND LIMIT_BUFFER
#define TCP_SND_BUF LIMIT_BUFFER
#define TCP_SND_QUEUELEN 48
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 6
#define TCP_OOSEQ_MAX_BYTES (6 * 1460)
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 1
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_TCP_RTO_TIME 1000
#define TCP_SYNMAXRTX 4
#define SO_REUSE 0
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
#define LWIP_CALLBACK_API 1

#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 0
#define MEMP_MEM_MALLOC 0
#define MEM_SIZE (6 << 20)
#define PBUF_POOL_SIZE (LIMIT_SOCKETS * TCP_OOSEQ_MAX_PBUFS + 128)
#define PBUF_POOL_BUFSIZE 1536
#define MEMP_NUM_PBUF 512
#define MEMP_NUM_TCP_PCB (2 * LIMIT_SOCKETS + 64)
#define MEMP_NUM_TCP_PCB_LISTEN LIMIT_SOCKETS
#define MEMP_NUM_TCP_SEG (LIMIT_SOCKETS * (TCP_SND_QUEUELEN + TCP_OOSEQ_MAX_PBUFS))
#define MEMP_NUM_UDP_PCB (LIMIT_SOCKETS + LIMIT_LOOKUPS + 2)
#define MEMP_NUM_ARP_QUEUE 64
#define MEMP_NUM_SYS_TIMEOUT 16

/* What arrives is checked; nothing before this program does it. */
#define CHECKSUM_CHECK_IP 1
#define CHECKSUM_CHECK_TCP 1
#define CHECKSUM_CHECK_UDP 1
#define CHECKSUM_CHECK_ICMP 1
#include "../checksum.h"
#define LWIP_CHKSUM net_sum

/* Sequence numbers that nobody can guess: RFC 6528. */
#include <stdint.h>
uint32_t net_first_sequence(uint32_t own_address, uint16_t own_port, uint32_t address, uint16_t port);
#define LWIP_HOOK_TCP_ISN(own, own_port, other, port) net_first_sequence(ip4_addr_get_u32(ip_2_ip4(own)), own_port, ip4_addr_get_u32(ip_2_ip4(other)), port)

#include "../acks.h"
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, options, first, second, rest) net_looks_at(pcb, header, rest)
