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

/* An invocation that answers with words: the first one is what was asked. */
static bw_err ask(bw_cptr cap, uint32_t invocation, uint32_t length, uint64_t w0, uint64_t w1, struct bw_msg *m) {
    *m = bw_call(cap, bw_info(invocation, length, 0), w0, w1, 0, 0);
    return bw_error(m);
}

bw_err bw_sched_context_consumed(bw_cptr context, uint64_t *microseconds) {
    struct bw_msg m;
    const bw_err error = ask(context, BW_INV_SCHED_CONTEXT_CONSUMED, 0, 0, 0, &m);
    if (error == 0) *microseconds = m.w[0];
    return error;
}

bw_err bw_sched_context_yield_to(bw_cptr context, uint64_t *microseconds) {
    struct bw_msg m;
    const bw_err error = ask(context, BW_INV_SCHED_CONTEXT_YIELD_TO, 0, 0, 0, &m);
    if (error == 0) *microseconds = m.w[0];
    return error;
}

bw_err bw_iospace_read_fault(bw_cptr iospace, uint64_t number, struct bw_dma_fault *fault) {
    struct bw_msg m;
    const bw_err error = ask(iospace, BW_INV_IOSPACE_READ_FAULT, 1, number, 0, &m);
    if (error == 0) *fault = (struct bw_dma_fault){.count = m.w[0], .address = m.w[1], .bytes = (uint32_t)m.w[2], .write = m.w[2] >> 32 != 0};
    return error;
}

bw_err bw_discrim_classify(bw_cptr discrim, bw_cptr cap, uint32_t *kind, uint32_t *rights) {
    struct bw_msg m;
    const bw_err error = ask(discrim, BW_INV_DISCRIM_CLASSIFY, 1, cap, 0, &m);
    if (error == 0) *kind = (uint32_t)m.w[0], *rights = (uint32_t)m.w[1];
    return error;
}

bw_err bw_discrim_describe(bw_cptr discrim, bw_cptr cap, struct bw_capability *is) {
    struct bw_msg m;
    const bw_err error = ask(discrim, BW_INV_DISCRIM_CLASSIFY, 1, cap, 0, &m);
    if (error == 0) *is = (struct bw_capability){.kind = (uint32_t)m.w[0], .rights = (uint32_t)m.w[1], .slot_bits = (uint32_t)m.w[2] & 0xff, .guard_bits = (uint32_t)m.w[2] >> 8 & 0xff};
    return error;
}

bw_err bw_discrim_is_discreet(bw_cptr discrim, bw_cptr cap, bool *discreet) {
    struct bw_msg m;
    const bw_err error = ask(discrim, BW_INV_DISCRIM_IS_DISCREET, 1, cap, 0, &m);
    if (error == 0) *discreet = m.w[0] != 0;
    return error;
}

bw_err bw_discrim_same(bw_cptr discrim, bw_cptr a, bw_cptr b, uint32_t *same) {
    struct bw_msg m;
    const bw_err error = ask(discrim, BW_INV_DISCRIM_SAME, 2, a, b, &m);
    if (error == 0) *same = (uint32_t)m.w[0];
    return error;
}
