/* program.c: the end of a program, and its line to the operator, through the root server's capability that every program has. */
#include <bailiwick.h>
#include <bailiwick/root.h>

/* Words of a log message before its bytes. */
#define LOG_WORDS 1U

_Noreturn void bw_exit(int status) {
    bw_flush();
    (void)bw_call(BW_SLOT_PARENT, bw_info(PARENT_EXIT, 1, 0), (uint64_t)status & 0xff, 0, 0, 0);
    /* Never answered. Were the root server gone, nobody is left to tell: stop, and never run on. */
    for (;;) (void)bw_tcb_suspend(BW_SLOT_TCB);
}

void bw_log(const char *line) {
    const size_t most = (BW_MAX_WORDS - LOG_WORDS) * sizeof(uint64_t);
    size_t count = strlen(line);
    if (count > most) count = most;
    uint64_t *words = bw_ipc()->words;
    words[0] = count;
    memcpy(&words[LOG_WORDS], line, count);
    (void)bw_call_buffer(BW_SLOT_PARENT, PARENT_LOG, LOG_WORDS + (uint32_t)((count + 7) / 8), 0);
}
