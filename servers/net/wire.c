/* wire.c: see wire.h. */
#include "wire.h"

#include <bailiwick/nicdriver.h>

#include <lwip/etharp.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <netif/ethernet.h>

enum { ROOM_BYTES = 2048, ROOMS = 2 * WIRE_ROOMS };
_Static_assert(ROOMS * ROOM_BYTES <= BW_NIC_WINDOW, "all rooms are in the window");
_Static_assert((int)ROOMS <= (int)WIRE_RING, "there is always place in the ring");

static struct bw_channel driver;
static uint8_t *window;
static struct netif interface;
/* Rooms of frames that go out, and which of all rooms the driver has. */
static bool with_driver[ROOMS];
static uint32_t waiting_rooms;

static uint8_t *room(uint32_t number) { return window + number * ROOM_BYTES; }

static bool ask(uint32_t number, uint32_t operation, uint32_t bytes) {
    const struct bw_nic_request request = {.id = number, .operation = operation, .window = 0, .offset = number * ROOM_BYTES, .bytes = bytes};
    with_driver[number] = bw_try_put(&driver.out, &request) == BW_RING_DONE;
    return with_driver[number];
}

/* Room for frames that come, wherever there is none with the driver. */
static void give_room(void) {
    for (uint32_t i = 0; waiting_rooms > 0 && i < WIRE_ROOMS; i++) {
        if (with_driver[i]) continue;
        if (!ask(i, BW_NIC_TAKE, ROOM_BYTES)) return;
        waiting_rooms--;
    }
}

static err_t send_frame(struct netif *netif, struct pbuf *frame) {
    static uint32_t next;
    (void)netif;
    if (frame->tot_len < BW_NIC_LEAST_FRAME || frame->tot_len > BW_NIC_MOST_FRAME) return ERR_BUF;
    for (uint32_t n = 0; n < WIRE_ROOMS; n++) {
        const uint32_t number = WIRE_ROOMS + (next + n) % WIRE_ROOMS;
        if (with_driver[number]) continue;
        next = (next + n + 1) % WIRE_ROOMS;
        (void)pbuf_copy_partial(frame, room(number), frame->tot_len, 0);
        return ask(number, BW_NIC_SEND, frame->tot_len) ? ERR_OK : ERR_IF;
    }
    /* As on a wire: TCP sends it again. */
    return ERR_MEM;
}

static void deliver(uint32_t number, uint32_t bytes) {
    if (bytes < BW_NIC_LEAST_FRAME || bytes > BW_NIC_MOST_FRAME) return;
    struct pbuf *frame = pbuf_alloc(PBUF_RAW, (uint16_t)bytes, PBUF_POOL);
    if (frame == NULL) return;
    if (pbuf_take(frame, room(number), (uint16_t)bytes) != ERR_OK || interface.input(frame, &interface) != ERR_OK) (void)pbuf_free(frame);
}

bool wire_take(uint32_t most) {
    struct bw_nic_answer answer;
    for (uint32_t n = 0; n < most; n++) {
        if (bw_try_receive(&driver.in, &answer) != BW_RING_DONE) {
            give_room();
            return !bw_receiver_sleeps(&driver.in);
        }
        if (answer.id >= ROOMS || !with_driver[answer.id]) continue;
        with_driver[answer.id] = false;
        if (answer.id >= WIRE_ROOMS) continue;
        waiting_rooms++;
        if (answer.result == BW_NIC_DONE) deliver(answer.id, answer.bytes);
        give_room();
    }
    give_room();
    return true;
}

void wire_announce(void) {
    if (!wire_is_gone()) bw_announce(&driver.out);
}

bool wire_is_gone(void) { return driver.in.end.over != 0 || driver.out.end.over != 0; }

static const char *lend_window(bw_cptr nic, bw_cptr slots, uint64_t address) {
    if (bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, slots) != 0) return "the server's memory does not suffice for the frames' window";
    if (bw_frame_map(slots, address, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return "the frames' window cannot be mapped";
    if (bw_cnode_copy(BW_SLOT_CNODE, slots + 1, BW_SLOT_CNODE, slots, BW_RIGHT_READ | BW_RIGHT_WRITE) != 0) return "the frames' window cannot be lent";
    bw_ipc()->caps[0] = slots + 1;
    const struct bw_msg m = bw_call(nic, bw_info(NIC_DRIVER_WINDOW, 1, 1), 0, 0, 0, 0);
    (void)bw_cnode_delete(BW_SLOT_CNODE, slots + 1);
    window = (uint8_t *)address;
    return bw_error(&m) != 0 || bw_label(&m) != 0 ? "the network device's driver takes no window" : NULL;
}

const char *wire_begin(bw_cptr nic, bw_cptr slots, uint64_t address, uint64_t bit, struct wire_facts *facts) {
    const struct bw_msg info = bw_call(nic, bw_info(NIC_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    if (bw_error(&info) != 0 || bw_label(&info) != 0 || bw_length(&info) < 3) return "the network device's driver has no device";
    for (uint32_t i = 0; i < 6; i++) facts->mac[i] = (uint8_t)(info.w[0] >> 8 * i);
    facts->mtu = info.w[1] >= 576 && info.w[1] < 1500 ? (uint32_t)info.w[1] : 1500;
    facts->link = info.w[2] != 0;
    /* A channel before a window: a driver may keep windows with channels. */
    const struct bw_channel_wish wish = {
        .to_server = {WIRE_RING, sizeof(struct bw_nic_request)}, .from_server = {WIRE_RING, sizeof(struct bw_nic_answer)}, .slots = slots + 2, .address = address, .bit = bit,
    };
    uint32_t refusal = 0;
    if (bw_channel_open(&driver, nic, &wish, &refusal) != 0) return "the network device's driver opens no channel";
    const char *wrong = lend_window(nic, slots, address + BW_NIC_WINDOW);
    waiting_rooms = WIRE_ROOMS;
    if (wrong == NULL) give_room();
    return wrong;
}

static err_t begin_interface(struct netif *netif) {
    const struct wire_facts *facts = netif->state;
    netif->name[0] = 'n', netif->name[1] = 'i';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, facts->mac, ETH_HWADDR_LEN);
    netif->mtu = (uint16_t)facts->mtu;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | (facts->link ? NETIF_FLAG_LINK_UP : 0);
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

bool wire_interface(const char *host_name, const struct wire_facts *facts) {
    static struct wire_facts kept;
    kept = *facts;
    if (netif_add_noaddr(&interface, &kept, begin_interface, ethernet_input) == NULL) return false;
    netif_set_hostname(&interface, host_name);
    netif_set_default(&interface);
    netif_set_up(&interface);
    return true;
}
