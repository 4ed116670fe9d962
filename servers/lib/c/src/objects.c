/* objects.c: the invocations whose words pass through the IPC buffer. */
#include <bailiwick.h>

bw_err bw_tcb_write_registers(bw_cptr tcb, uint32_t first, const uint64_t *values, uint32_t count, bool resume) {
    uint64_t *words = bw_ipc()->words;
    if (count > BW_MAX_WORDS - 1) return BW_ERR_INVALID_ARGUMENT;
    words[0] = bw_pair(first, resume ? 1 : 0);
    for (uint32_t i = 0; i < count; i++) words[1 + i] = values[i];
    struct bw_msg m = bw_call_buffer(tcb, BW_INV_TCB_WRITE_REGISTERS, 1 + count, 0);
    return bw_error(&m);
}

bw_err bw_tcb_read_registers(bw_cptr tcb, uint32_t first, uint64_t *values, uint32_t count) {
    uint64_t *words = bw_ipc()->words;
    if (count > BW_MAX_WORDS) return BW_ERR_INVALID_ARGUMENT;
    words[0] = bw_pair(first, count);
    struct bw_msg m = bw_call_buffer(tcb, BW_INV_TCB_READ_REGISTERS, 1, 0);
    if (bw_error(&m) != 0) return bw_error(&m);
    for (uint32_t i = 0; i < count; i++) values[i] = words[i];
    return 0;
}

bw_err bw_tcb_set_label(bw_cptr tcb, const char *name) {
    uint64_t w[BW_REGISTER_WORDS] = {0};
    size_t count = strlen(name);
    memcpy(w, name, count < sizeof w ? count : sizeof w);
    return bw_invoke(tcb, BW_INV_TCB_SET_LABEL, BW_REGISTER_WORDS, w[0], w[1], w[2], w[3]);
}

bw_err bw_sched_context_consumed(bw_cptr context, uint64_t *microseconds) {
    struct bw_msg m = bw_call(context, bw_info(BW_INV_SCHED_CONTEXT_CONSUMED, 0, 0), 0, 0, 0, 0);
    if (bw_error(&m) == 0) *microseconds = m.w[0];
    return bw_error(&m);
}
