/*
 * raw-nic.c: a card's driver that was taken over: in its place, and its client's only network. It says what it is asked to send, and with each frame answers all of its own (frames.h), in rooms that
 * were lent, with lengths that are theirs or not; answers what it was not asked; and ends with the frame
 * `args.ends` that it is to send. With `args.registers` it gives its device's registers for the rings.
 */
#include <bailiwick.h>
#include <bailiwick/nicdriver.h>
#include <bailiwick/nicport.h>

#include "frames.h"

BW_USE(regs);

enum { SLOT_PORT = 128, SLOT_RECEIVED = SLOT_PORT + BW_NIC_PORT_SLOTS, CLIENT_BIT_AT = 40, SHOWN = 40 };
#define PORT_ADDRESS BW_ADDRESS_OWN
#define WINDOWS (PORT_ADDRESS + BW_NIC_WINDOW)

static struct bw_nic_port port;
static struct room {
    uint32_t tag, window, offset;
} rooms[BW_NIC_ROOMS];
static uint32_t used, sends;

static uint8_t *at(uint32_t window, uint32_t offset) { return (uint8_t *)(WINDOWS + window * (uint64_t)BW_NIC_WINDOW + offset); }
static bw_err map(struct bw_nic_port *p, uint32_t number, bw_cptr slot, uint32_t rights) {
    (void)p;
    return bw_frame_map(slot, (uint64_t)at(number, 0), BW_SLOT_VSPACE, rights);
}

static void show(const uint8_t *frame, uint32_t bytes) {
    static const char digits[] = "0123456789abcdef";
    char text[2 * SHOWN + 1] = "";
    for (uint32_t i = 0; i < bytes && i < SHOWN; i++) text[2 * i] = digits[frame[i] >> 4], text[2 * i + 1] = digits[frame[i] & 15];
    bw_logf("sends %u: %s", bytes, text);
}

static void attack(void) {
    for (uint32_t i = 0; i < FRAMES && used > 0; i++) {
        const struct room room = rooms[--used];
        memcpy(at(room.window, room.offset), frames[i].bytes, frames[i].count);
        bw_nic_answer(&port, room.tag, BW_NIC_DONE, frames[i].count);
    }
    /* To nothing that was asked, and of no length that can be. */
    const struct bw_nic_answer lies[] = {{.id = 7, .bytes = 60}, {.id = 7, .bytes = 60}, {.id = 0xffffffff, .bytes = 60}, {.id = 3, .bytes = 0xffffffff}, {.id = 5, .bytes = 1}};
    for (uint32_t i = 0; i < sizeof lies / sizeof *lies; i++) (void)bw_try_put(&port.channel.out, &lies[i]);
}

static void submit(struct bw_nic_port *p, uint32_t tag, const struct bw_nic_request *r) {
    if (r->operation == BW_NIC_TAKE) {
        rooms[used++] = (struct room){.tag = tag, .window = r->window, .offset = r->offset};
        return;
    }
    show(at(r->window, r->offset), r->bytes);
    bw_nic_answer(p, tag, BW_NIC_DONE, 0);
    attack();
    if (++sends == bw_arg_number("ends", 0)) {
        bw_nic_port_give(p);
        bw_log("ends");
        bw_exit(9);
    }
}
static void forget(struct bw_nic_port *p) {
    (void)p;
    used = 0;
}

static uint32_t do_info(struct bw_request *r) {
    r->w[0] = 0x0f0f0f0f0f02, r->w[1] = 1500, r->w[2] = 1;
    r->answer_length = 3;
    return 0;
}
static uint32_t do_window(struct bw_request *r) { return bw_nic_port_window(&port, r); }
static uint32_t do_open(struct bw_request *r) {
    const uint32_t refusal = bw_nic_port_open(&port, r);
    if (refusal == 0 && bw_arg_number("registers", 0) != 0) bw_ipc()->caps[1] = bw_use_regs.cap;
    return refusal;
}
static uint32_t do_memory(struct bw_request *r) { return bw_nic_port_memory(&port, r); }
static void notified(uint64_t bits) { (void)bits; }
static bool turn(void) {
    const bool more = bw_nic_port_take(&port) > 0;
    bw_nic_port_give(&port);
    return more || !bw_nic_port_sleeps(&port);
}

int main(void) {
    static const struct bw_nic_behind behind = {.map = map, .submit = submit, .forget = forget};
    port.behind = &behind, port.slots = SLOT_PORT, port.address = PORT_ADDRESS, port.bit = 1ULL << CLIENT_BIT_AT, port.received = SLOT_RECEIVED, port.present = true;
    if (bw_nic_port_init(&port) != 0) return 1;
    static const struct bw_method methods[] = {
        {.label = NIC_DRIVER_INFO, .words = 0, .handle = do_info}, {.label = NIC_DRIVER_WINDOW, .words = 1, .handle = do_window},
        {.label = NIC_DRIVER_OPEN, .words = 4, .handle = do_open}, {.label = NIC_DRIVER_MEMORY, .words = 1, .handle = do_memory},
    };
    struct bw_service service = {
        .methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = NIC_DRIVER_E_BAD_REQUEST,
        .notified = notified, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1,
    };
    bw_serve(&service);
}
