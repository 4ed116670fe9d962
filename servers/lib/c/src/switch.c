/* switch.c: a client of the switch. */
#include <bailiwick.h>
#include <bailiwick/switch.h>

static uint32_t result_of(const struct bw_msg *m) { return bw_error(m) != 0 ? BW_SWITCH_GONE : bw_label(m); }

uint32_t bw_switch_restrict(bw_cptr port, const char *rules, bw_cptr slot) {
    const size_t count = strlen(rules);
    if (count > (BW_MAX_WORDS - 1) * sizeof(uint64_t)) return SWITCH_PORT_E_BAD_REQUEST;
    const struct bw_receive before = bw_receive_into(slot, 1);
    uint64_t *words = bw_ipc()->words;
    words[0] = count;
    memcpy(&words[1], rules, count);
    const struct bw_msg m = bw_call_buffer(port, SWITCH_PORT_RESTRICT, 1 + (uint32_t)((count + 7) / 8), 0);
    bw_receive_as(before);
    const uint32_t result = result_of(&m);
    return result == 0 && (bw_caps(&m) != 1 || bw_unwrapped(&m) != 0) ? BW_SWITCH_GONE : result;
}

uint32_t bw_switch_close(bw_cptr port) {
    const struct bw_msg m = bw_call(port, bw_info(SWITCH_PORT_CLOSE, 0, 0), 0, 0, 0, 0);
    return result_of(&m);
}

uint32_t bw_switch_info(bw_cptr monitor, uint32_t *ports, uint32_t *uplinks) {
    const struct bw_msg m = bw_call(monitor, bw_info(SWITCH_INFO, 0, 0), 0, 0, 0, 0);
    if (result_of(&m) == 0) *ports = (uint32_t)m.w[0], *uplinks = (uint32_t)m.w[1];
    return result_of(&m);
}

uint32_t bw_switch_port(bw_cptr monitor, uint32_t number, struct bw_switch_port *port) {
    enum { OPEN = 1, UPLINK = 2, ANY_MAC = 4 };
    const struct bw_msg m = bw_call(monitor, bw_info(SWITCH_PORT, 1, 0), number, 0, 0, 0);
    if (result_of(&m) != 0) return result_of(&m);
    *port = (struct bw_switch_port){.mac = m.w[0], .open = (m.w[1] & OPEN) != 0, .uplink = (m.w[1] & UPLINK) != 0, .any_mac = (m.w[1] & ANY_MAC) != 0, .stations = (uint32_t)m.w[2]};
    memcpy(port->name, &bw_ipc()->words[4], m.w[3] < BW_SWITCH_NAME ? m.w[3] : BW_SWITCH_NAME);
    return 0;
}

uint32_t bw_switch_counters(bw_cptr monitor, uint32_t number, struct bw_switch_counters *counters) {
    const struct bw_msg m = bw_call(monitor, bw_info(SWITCH_COUNTERS, 1, 0), number, 0, 0, 0);
    if (result_of(&m) != 0) return result_of(&m);
    *counters = (struct bw_switch_counters){.sent_frames = m.w[0], .sent_bytes = m.w[1], .received_frames = m.w[2], .received_bytes = m.w[3]};
    const uint64_t *reasons = &bw_ipc()->words[5];
    memcpy(counters->sent_dropped, reasons, sizeof counters->sent_dropped);
    memcpy(counters->received_dropped, reasons + BW_SWITCH_REASONS, sizeof counters->received_dropped);
    return 0;
}
