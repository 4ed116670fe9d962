/* wire.c: see wire.h. */
#include "wire.h"

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <netif/ethernet.h>

static struct bw_nic nic;
static struct netif interface;
_Static_assert(PBUF_POOL_BUFSIZE >= BW_NIC_MOST_FRAME, "a frame is in one piece");

const char *wire_begin(bw_cptr driver, bw_cptr slots, uint64_t address, uint64_t bit) {
    const bw_err error = bw_nic_open(&nic, driver, slots, address, bit);
    if (error == 0) return NULL;
    return error == BW_ERR_NOT_ENOUGH_MEMORY ? "the server's memory does not suffice for the frames' window" : "the network device's driver has no network, or another client";
}

static err_t send_frame(struct netif *netif, struct pbuf *frame) {
    (void)netif;
    if (frame->tot_len < BW_NIC_LEAST_FRAME || frame->tot_len > BW_NIC_MOST_FRAME) return ERR_BUF;
    uint8_t *place = bw_nic_place(&nic);
    /* As on a wire: TCP sends it again. */
    if (place == NULL) return ERR_MEM;
    (void)pbuf_copy_partial(frame, place, frame->tot_len, 0);
    return bw_nic_commit(&nic, frame->tot_len) ? ERR_OK : ERR_IF;
}

uint32_t wire_take(uint32_t most) {
    static uint8_t lost[BW_NIC_MOST_FRAME];
    uint32_t taken = 0;
    for (; taken < most && bw_nic_has_some(&nic); taken++) {
        struct pbuf *frame = pbuf_alloc(PBUF_RAW, BW_NIC_MOST_FRAME, PBUF_POOL);
        const uint32_t bytes = bw_nic_receive(&nic, frame == NULL ? lost : frame->payload);
        if (frame != NULL && bytes > 0) pbuf_realloc(frame, (uint16_t)bytes);
        if (frame != NULL && (bytes == 0 || interface.input(frame, &interface) != ERR_OK)) (void)pbuf_free(frame);
        if (bytes == 0) break;
    }
    return taken;
}

void wire_wakes(void) { bw_nic_wakes(&nic); }
bool wire_sleeps(void) { return bw_nic_sleeps(&nic); }
void wire_announce(void) { bw_nic_announce(&nic); }
bool wire_is_gone(void) { return bw_nic_over(&nic); }

uint64_t wire_mac(void) {
    uint64_t mac = 0;
    for (uint32_t i = 0; i < 6; i++) mac |= (uint64_t)nic.mac[i] << 8 * i;
    return mac;
}

static err_t begin_interface(struct netif *netif) {
    netif->name[0] = 'n', netif->name[1] = 'i';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, nic.mac, ETH_HWADDR_LEN);
    netif->mtu = nic.mtu >= 576 && nic.mtu < 1500 ? (uint16_t)nic.mtu : 1500;
    netif->flags = (uint8_t)(NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | (nic.link ? NETIF_FLAG_LINK_UP : 0));
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

bool wire_interface(const char *host_name) {
    if (netif_add_noaddr(&interface, NULL, begin_interface, ethernet_input) == NULL) return false;
    netif_set_hostname(&interface, host_name);
    netif_set_default(&interface);
    netif_set_up(&interface);
    return true;
}
