/* acks.c: see acks.h. */
#include <stdbool.h>

#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/tcp.h>

/* When the last one was let in, in ms, and that one was: the only thing here that lwIP keeps for us with a connection. */
enum { LAST_SEEN = 0 };

static bool lies_outside(const struct tcp_pcb *pcb, uint32_t sequence) { return sequence - pcb->rcv_nxt >= pcb->rcv_wnd; }

signed char net_looks_at(struct tcp_pcb *pcb, struct tcp_hdr *header, struct pbuf *rest) {
    if (pcb->state < ESTABLISHED || TCPH_FLAGS(header) != TCP_ACK || rest->tot_len != 0) return ERR_OK;
    if (!lies_outside(pcb, header->seqno) || header->ackno != pcb->lastack || SND_WND_SCALE(pcb, (tcpwnd_size_t)header->wnd) != pcb->snd_wnd) return ERR_OK;
    const uintptr_t last = (uintptr_t)tcp_ext_arg_get(pcb, LAST_SEEN), now = sys_now();
    if (last != 0 && (uint32_t)(now - last) < ACK_PAUSE_MS) return ERR_INPROGRESS;
    tcp_ext_arg_set(pcb, LAST_SEEN, (void *)(now | 1)); /* NOLINT: lwIP keeps pointers */
    return ERR_OK;
}
