/* monitor.c: looks at a guest, and shows that it can do nothing else: each thing that only control allows is tried. Then it sleeps until the guest has ended. */
#include <bailiwick.h>
#include <bailiwick/guest.h>

BW_USE(console);
BW_USE(worker);

enum { ENDED = 4 };

static struct bw_msg ask(uint32_t label, uint64_t word) { return bw_call(bw_use_worker.cap, bw_info(label, label == GUEST_CHANGED ? 1 : 0, 0), word, 0, 0, 0); }

static void attempt(const char *what, uint32_t label) {
    const struct bw_msg m = ask(label, 0);
    bw_printf("monitor: %s: %s\n", what, bw_error(&m) != 0 ? bw_error_name(bw_error(&m)) : bw_label(&m) == GUEST_E_NOT_ALLOWED ? "not allowed" : "DONE");
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    attempt("pause", GUEST_PAUSE);
    attempt("resume", GUEST_RESUME);
    attempt("stop", GUEST_STOP);
    attempt("restart", GUEST_RESTART);
    bw_flush();
    /* Asleep until something changes: state, ending, status, life are words 0 to 3, and word 4, the number of the change, comes in the buffer. */
    for (uint64_t change = 0;;) {
        const struct bw_msg m = ask(GUEST_CHANGED, change);
        if (bw_error(&m) != 0 || bw_label(&m) != 0) return 1;
        if (m.w[0] == ENDED) return 0;
        change = bw_ipc()->words[4];
    }
}
