/*
 * A cable for tests: two network drivers in one program (protocol NicDriver, twice), each one's frames the other's. By its argument `mode` it is hostile to both: it makes up frames,
 * and answers that no driver gives, by the dice of `seed`; or it answers echo requests itself, with lies. A client of `control` cuts the cable and mends it.
 */
#include <bailiwick.h>
#include <bailiwick/nic.h>
#include <bailiwick/nicdriver.h>

enum { ENDS = 2, PAGES = 4, RING = 128, SLOT_RECEIVED = 128, SLOT_WINDOWS, SLOT_CHANNELS = SLOT_WINDOWS + ENDS, ROOMS = 256 };
enum { CONTROL_CUT = 9, CONTROL_COUNT = 10 };
#define WINDOWS_ADDRESS (BW_ADDRESS_OWN + BW_NIC_WINDOW)
#define FIRST_BIT (1ULL << 44)

static struct bw_accepted channels[ENDS];
static struct bw_acceptor acceptor = {.channels = channels, .count = ENDS, .pages = PAGES, .slots = SLOT_CHANNELS, .address = BW_ADDRESS_OWN, .first_bit = FIRST_BIT, .received = SLOT_RECEIVED};
/* Which end has window and channel i, and the rooms that it has for frames. */
static struct end {
    bool has_window;
    struct room {
        uint32_t id, offset, bytes;
    } rooms[ROOMS];
    uint32_t first, count;
} ends[ENDS];
static bool cut;
static uint64_t passed, lost, dice = 1;
static uint32_t nonsense;

static uint32_t roll(void) {
    dice = dice * 6364136223846793005UL + 1442695040888963407UL;
    return (uint32_t)(dice >> 33);
}

static uint8_t *window(uint32_t i) { return (uint8_t *)(WINDOWS_ADDRESS + (uint64_t)i * BW_NIC_WINDOW); }

static void answer(uint32_t i, uint32_t id, uint32_t result, uint32_t bytes) {
    const struct bw_nic_answer a = {.id = id, .result = result, .bytes = bytes};
    if (channels[i].client != 0) (void)bw_try_put(&channels[i].out, &a);
}

static void deliver(uint32_t to, const uint8_t *frame, uint32_t bytes) {
    struct end *e = &ends[to];
    if (cut || e->count == 0 || !e->has_window) {
        lost++;
        return;
    }
    const struct room room = e->rooms[e->first];
    e->first = (e->first + 1) % ROOMS, e->count--;
    if (bytes <= room.bytes) memcpy(window(to) + room.offset, frame, bytes);
    answer(to, room.id, BW_NIC_DONE, bytes);
    passed++;
}

/* Makes the checksum of an IP header right, so that what lies behind it is looked at. */
static void make_right(uint8_t *frame, uint32_t bytes) {
    const uint32_t header = (frame[14] & 15U) * 4;
    uint32_t sum = 0;
    if (header < 20 || 14 + header > bytes) return;
    frame[24] = frame[25] = 0;
    for (uint32_t i = 0; i < header; i += 2) sum += (uint32_t)frame[14 + i] << 8 | frame[15 + i];
    sum = (sum & 0xffff) + (sum >> 16), sum = (sum & 0xffff) + (sum >> 16);
    frame[24] = (uint8_t)(~sum >> 8), frame[25] = (uint8_t)~sum;
}

static uint16_t sum_of(const uint8_t *bytes, uint32_t count) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16), sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint32_t value) { at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value; }

/* An answer to an echo request, in its place: which one is said by how many bytes it has. */
static bool lie_about(uint32_t from, uint8_t *frame, uint32_t bytes) {
    static uint8_t late[BW_NIC_MOST_FRAME], request[28];
    static uint32_t late_bytes;
    enum { IP = 14, ICMP = 34, DATA = 42 };
    if (bytes < DATA || frame[12] != 8 || frame[13] != 0 || frame[IP + 9] != 1 || frame[ICMP] != 8) return false;
    const uint32_t kind = (uint32_t)(frame[IP + 2] << 8 | frame[IP + 3]) - 28;
    uint8_t address[6];
    memcpy(request, frame + IP, sizeof request);
    memcpy(address, frame, 6), memcpy(frame, frame + 6, 6), memcpy(frame + 6, address, 6);
    memcpy(address, frame + IP + 12, 4), memcpy(frame + IP + 12, frame + IP + 16, 4), memcpy(frame + IP + 16, address, 4);
    uint32_t data = kind;
    const bool failure = kind >= 10 && kind <= 15;
    frame[ICMP] = kind == 9 ? 8 : failure ? (kind == 14 ? 11 : 3) : 0;
    switch (kind) {
    case 1: frame[ICMP + 5] ^= 1; break;          /* another identifier */
    case 2: frame[ICMP + 6] ^= 0x80; break;       /* another sequence number */
    case 3: frame[IP + 15] ^= 1; break;           /* from somebody else */
    case 4: frame[DATA + 3] ^= 1; break;          /* another byte in the middle */
    case 5: data = 4; break;                      /* cut short */
    case 6: frame[DATA + data++] = 0; break;      /* longer */
    case 8: frame[ICMP + 1] = 1; break;           /* another code */
    case 11: request[24] ^= 1; break;             /* of another request */
    case 12: request[9] = 17; break;              /* of a datagram */
    case 13: data = 27; break;                    /* cut short */
    case 15: request[0] = 0x46; break;            /* with options, which this side never sends */
    default: break;
    }
    if (failure) {
        if (kind != 13) data = 28;
        memset(frame + ICMP + 1, 0, 7);
        memcpy(frame + DATA, request, data);
    }
    frame[ICMP + 2] = frame[ICMP + 3] = 0;
    put16(frame + ICMP + 2, (uint32_t)sum_of(frame + ICMP, 8 + data) ^ (kind == 7 ? 0x0100U : 0));
    put16(frame + IP + 2, 28 + data);
    bytes = DATA + data;
    make_right(frame, bytes);
    if (kind == 17) {
        memcpy(late, frame, bytes), late_bytes = bytes;
        return true;
    }
    if (kind == 18) deliver(from, late, late_bytes);
    deliver(from, frame, bytes);
    if (kind == 16) deliver(from, frame, bytes);
    return true;
}

/* A frame that looks as much like a good one as its kind says, and lies. */
static void make_nonsense(uint32_t to, const uint8_t *model, uint32_t bytes) {
    static uint8_t frame[BW_NIC_MOST_FRAME];
    if (bytes < 42) return;
    memcpy(frame, model, bytes);
    switch (nonsense++ % 8) {
    case 0: for (uint32_t i = 0; i < bytes; i++) frame[i] = (uint8_t)roll(); break;                  /* noise */
    case 1: for (uint32_t i = 14; i < bytes; i++) frame[i] = (uint8_t)roll(); break;                 /* noise to the right address */
    case 2: bytes = BW_NIC_LEAST_FRAME + roll() % (bytes - BW_NIC_LEAST_FRAME); break;                           /* truncated anywhere */
    case 3: frame[14 + roll() % (bytes - 14)] ^= (uint8_t)(1U << roll() % 8); break;                 /* one bit */
    case 4: frame[16] = 0xff, frame[17] = 0xff; break;                                               /* a length beyond its end */
    case 5: frame[14] = (uint8_t)(0x46 | roll() % 10); break;                                        /* another header length */
    case 6: if (bytes > 46) frame[46] = 0xf0; break;                                                 /* TCP header beyond its end */
    default: if (bytes > 20) frame[20] = 0x3f, frame[21] = 0xff; break;                              /* a fragment */
    }
    if (nonsense / 8 % 4 != 0) make_right(frame, bytes);
    deliver(to, frame, bytes);
    switch (nonsense % 5) {
    case 0: answer(to, 0xffffffff, BW_NIC_DONE, 60); break;                                          /* a room that is none */
    case 1: answer(to, roll(), roll(), roll()); break;
    case 2: if (ends[to].count > 1) deliver(to, frame, roll() % BW_NIC_LEAST_FRAME); break;                /* shorter than a frame */
    case 3: if (ends[to].count > 1) {                                                                /* longer than its room */
        const struct room room = ends[to].rooms[ends[to].first];
        ends[to].first = (ends[to].first + 1) % ROOMS, ends[to].count--;
        answer(to, room.id, BW_NIC_DONE, 0x7fffffff);
        break;
    }
    /* fall through */
    default: answer(to, roll() % 128, BW_NIC_DONE, 1514); break;                                     /* one that it may not have asked for */
    }
}

static bool turn_of(uint32_t i, bool hostile, bool lies) {
    static uint8_t frame[BW_NIC_MOST_FRAME];
    struct bw_nic_request r;
    struct end *e = &ends[i];
    if (channels[i].client == 0) return false;
    for (uint32_t n = 0; n < 32; n++) {
        if (bw_try_receive(&channels[i].in, &r) != BW_RING_DONE) return !bw_receiver_sleeps(&channels[i].in);
        if (r.window != 0 || r.offset > BW_NIC_WINDOW - 2048 || r.bytes > 2048 || !e->has_window) {
            answer(i, r.id, BW_NIC_BAD, 0);
        } else if (r.operation == BW_NIC_TAKE) {
            if (e->count < ROOMS) e->rooms[(e->first + e->count++) % ROOMS] = (struct room){r.id, r.offset, r.bytes};
        } else {
            memcpy(frame, window(i) + r.offset, r.bytes <= BW_NIC_MOST_FRAME ? r.bytes : 0);
            answer(i, r.id, BW_NIC_DONE, 0);
            if (lies && lie_about(i, frame, r.bytes)) continue;
            deliver(1 - i, frame, r.bytes);
            if (hostile) for (uint32_t k = 0; k < 3; k++) make_nonsense(k % 2 == 0 ? 1 - i : i, frame, r.bytes);
        }
    }
    return true;
}

static bool turn(void) {
    const char *mode = bw_arg("mode");
    const bool hostile = mode != NULL && strcmp(mode, "nonsense") == 0, lies = mode != NULL && strcmp(mode, "lies") == 0;
    bool more = false;
    for (uint32_t i = 0; i < ENDS; i++) more = turn_of(i, hostile, lies) || more;
    for (uint32_t i = 0; i < ENDS; i++) if (channels[i].client != 0) bw_announce(&channels[i].out);
    return more;
}

static uint32_t do_info(struct bw_request *r) {
    r->w[0] = 0x010000005452UL + ((r->badge & UINT16_MAX) << 24), r->w[1] = 1500, r->w[2] = 1;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_window(struct bw_request *r) {
    const struct bw_accepted *c = bw_accepted_of(&acceptor, r->badge);
    if (r->w[0] != 0 || c == NULL) return NIC_DRIVER_E_BAD_REQUEST;
    const uint32_t i = (uint32_t)(c - channels);
    if (r->caps != 1 || bw_cnode_move(BW_SLOT_CNODE, SLOT_WINDOWS + i, BW_SLOT_CNODE, SLOT_RECEIVED) != 0) return NIC_DRIVER_E_NO_CAPABILITY;
    ends[i].has_window = bw_frame_map(SLOT_WINDOWS + i, (uint64_t)window(i), BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE) == 0;
    return ends[i].has_window ? 0 : NIC_DRIVER_E_NO_CAPABILITY;
}

static uint32_t do_cut(struct bw_request *r) {
    cut = r->w[0] != 0;
    return 0;
}

static uint32_t do_count(struct bw_request *r) {
    r->w[0] = passed, r->w[1] = nonsense, r->w[2] = lost;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_open(struct bw_request *r) { return bw_accept(&acceptor, r); }
static uint32_t do_memory(struct bw_request *r) { return bw_accept_memory(&acceptor, r); }

int main(void) {
    const char *seed = bw_arg("seed");
    while (seed != NULL && *seed >= '0' && *seed <= '9') dice = dice * 10 + (uint64_t)(*seed++ - '0');
    if (bw_acceptor_init(&acceptor) != 0) return 1;
    static const struct bw_method methods[] = {
        {.label = NIC_DRIVER_INFO, .words = 0, .handle = do_info}, {.label = NIC_DRIVER_WINDOW, .words = 1, .handle = do_window}, {.label = NIC_DRIVER_OPEN, .words = 4, .handle = do_open},
        {.label = NIC_DRIVER_MEMORY, .words = 1, .handle = do_memory}, {.label = CONTROL_CUT, .words = 1, .handle = do_cut}, {.label = CONTROL_COUNT, .words = 0, .handle = do_count},
    };
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = NIC_DRIVER_E_BAD_REQUEST, .turn = turn, .receive_first = SLOT_RECEIVED, .receive_count = 1};
    bw_serve(&service);
}
