/* nic.c: a client of a network driver. What the driver says is checked: an id is one of a place that it has, a length one of a frame. */
#include <bailiwick.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>

enum { PLACES = 2 * BW_NIC_ROOMS, PLACE_BYTES = 2048, SLOT_FRAME = 0, SLOT_LENT = 1, SLOTS_CHANNEL = 2, ROOMS_WORTH_A_BELL = BW_NIC_ROOMS / 4 };
_Static_assert(PLACES * PLACE_BYTES <= BW_NIC_WINDOW, "all places are in the window");

/* Each place has one request at most on its way, so the rings have room for all. */
static bool ask(struct bw_nic *nic, uint32_t place, uint32_t operation, uint32_t bytes) {
    const struct bw_nic_request request = {.id = place, .operation = operation, .offset = place * PLACE_BYTES, .bytes = bytes};
    nic->lent[place] = bw_try_put(&nic->channel.out, &request) == BW_RING_DONE;
    if (operation == BW_NIC_SEND) nic->untold_sends++;
    else nic->untold_rooms++;
    return nic->lent[place];
}

static void lend_rooms(struct bw_nic *nic) {
    for (uint32_t i = 0; i < BW_NIC_ROOMS; i++) {
        if (!nic->lent[i]) (void)ask(nic, i, BW_NIC_TAKE, PLACE_BYTES);
    }
    nic->failed_rooms = 0;
}

/* Rooms alone are worth no bell while the driver has most of them: it finds them when it looks for something else. */
void bw_nic_announce(struct bw_nic *nic) {
    if (nic->untold_sends == 0 && nic->untold_rooms < ROOMS_WORTH_A_BELL) return;
    nic->untold_sends = nic->untold_rooms = 0;
    bw_announce(&nic->channel.out);
}

/* Before a wait: rooms that failed are lent again, but a driver without a device is not asked without end. */
static void prepare_to_wait(struct bw_nic *nic) {
    if (nic->failed_rooms > 0 && nic->tries < BW_NIC_TRIES) {
        nic->tries++;
        lend_rooms(nic);
    }
    bw_nic_announce(nic);
}

static bw_err lend_window(struct bw_nic *nic, bw_cptr server, bw_cptr slots) {
    bw_err error = bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 21, 1, BW_SLOT_CNODE, slots + SLOT_FRAME);
    if (error == 0) error = bw_frame_map(slots + SLOT_FRAME, (uint64_t)nic->window, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error == 0) error = bw_cnode_copy(BW_SLOT_CNODE, slots + SLOT_LENT, BW_SLOT_CNODE, slots + SLOT_FRAME, BW_RIGHT_READ | BW_RIGHT_WRITE);
    if (error != 0) return error;
    bw_ipc()->caps[0] = slots + SLOT_LENT;
    const struct bw_msg m = bw_call(server, bw_info(NIC_DRIVER_WINDOW, 1, 1), 0, 0, 0, 0);
    return bw_error(&m) != 0 ? bw_error(&m) : bw_label(&m) != 0 ? BW_ERR_ILLEGAL_OPERATION : 0;
}

bw_err bw_nic_open(struct bw_nic *nic, bw_cptr server, bw_cptr slots, uint64_t address, uint64_t bit) {
    *nic = (struct bw_nic){.window = (uint8_t *)(address + BW_NIC_WINDOW), .free_sends = BW_NIC_ROOMS};
    const struct bw_msg info = bw_call(server, bw_info(NIC_DRIVER_INFO, 0, 0), 0, 0, 0, 0);
    if (bw_error(&info) != 0) return bw_error(&info);
    if (bw_label(&info) != 0 || bw_length(&info) < 3) return BW_ERR_ILLEGAL_OPERATION;
    for (uint32_t i = 0; i < sizeof nic->mac; i++) nic->mac[i] = (uint8_t)(info.w[0] >> 8 * i);
    nic->mtu = (uint32_t)info.w[1];
    nic->link = info.w[2] != 0;
    const struct bw_channel_wish wish = {
        .to_server = {PLACES, sizeof(struct bw_nic_request)}, .from_server = {PLACES, sizeof(struct bw_nic_answer)}, .slots = slots + SLOTS_CHANNEL, .address = address, .bit = bit,
    };
    uint32_t refusal = 0;
    bw_err error = bw_channel_open(&nic->channel, server, &wish, &refusal);
    if (error == 0) error = lend_window(nic, server, slots);
    if (error != 0) return error;
    lend_rooms(nic);
    bw_nic_announce(nic);
    return 0;
}

uint8_t *bw_nic_place(struct bw_nic *nic) {
    if (nic->free_sends == 0) return NULL;
    while (nic->lent[BW_NIC_ROOMS + nic->next_send]) nic->next_send = (nic->next_send + 1) % BW_NIC_ROOMS;
    return nic->window + (BW_NIC_ROOMS + nic->next_send) * PLACE_BYTES;
}

bool bw_nic_commit(struct bw_nic *nic, uint32_t bytes) {
    if (bytes < BW_NIC_LEAST_FRAME || bytes > BW_NIC_MOST_FRAME || bw_nic_place(nic) == NULL) return false;
    if (nic->failed_rooms > 0) lend_rooms(nic);
    if (!ask(nic, BW_NIC_ROOMS + nic->next_send, BW_NIC_SEND, bytes)) return false;
    nic->free_sends--;
    return true;
}

bool bw_nic_send(struct bw_nic *nic, const void *frame, uint32_t bytes) {
    uint8_t *place = bw_nic_place(nic);
    if (place == NULL || bytes > BW_NIC_MOST_FRAME) return false;
    memcpy(place, frame, bytes);
    return bw_nic_commit(nic, bytes);
}

/* What an answer brings: the bytes of a frame that came, or 0. */
static uint32_t settle(struct bw_nic *nic, const struct bw_nic_answer *answer, void *frame) {
    const uint32_t place = answer->id;
    if (place >= PLACES || !nic->lent[place]) {
        nic->nonsense++;
        return 0;
    }
    nic->lent[place] = false;
    if (answer->result == BW_NIC_DONE) nic->tries = 0;
    if (place >= BW_NIC_ROOMS) {
        nic->free_sends++;
        if (answer->result != BW_NIC_DONE) nic->failed_sends++;
        return 0;
    }
    if (answer->result != BW_NIC_DONE) {
        nic->failed_rooms++;
        return 0;
    }
    const uint32_t bytes = answer->bytes;
    const bool good = bytes >= BW_NIC_LEAST_FRAME && bytes <= BW_NIC_MOST_FRAME;
    if (good) memcpy(frame, nic->window + place * PLACE_BYTES, bytes);
    else nic->nonsense++;
    (void)ask(nic, place, BW_NIC_TAKE, PLACE_BYTES);
    return good ? bytes : 0;
}

uint32_t bw_nic_receive(struct bw_nic *nic, void *frame) {
    struct bw_nic_answer answer;
    while (bw_try_receive(&nic->channel.in, &answer) == BW_RING_DONE) {
        const uint32_t bytes = settle(nic, &answer, frame);
        if (bytes > 0) return bytes;
    }
    return 0;
}

uint32_t bw_nic_next(struct bw_nic *nic, void *frame) {
    struct bw_nic_answer answer;
    for (;;) {
        const uint32_t ready = bw_nic_receive(nic, frame);
        if (ready > 0) return ready;
        prepare_to_wait(nic);
        if (bw_receive_message(&nic->channel.in, &answer) != BW_RING_DONE) return 0;
        const uint32_t bytes = settle(nic, &answer, frame);
        if (bytes > 0) return bytes;
    }
}

bool bw_nic_sleeps(struct bw_nic *nic) {
    prepare_to_wait(nic);
    return bw_receiver_sleeps(&nic->channel.in);
}

bool bw_nic_has_some(struct bw_nic *nic) { return bw_receivable(&nic->channel.in) > 0; }
void bw_nic_wakes(struct bw_nic *nic) { bw_receiver_wakes(&nic->channel.in); }

bool bw_nic_over(const struct bw_nic *nic) { return nic->channel.in.end.over != 0 || nic->channel.out.end.over != 0; }
