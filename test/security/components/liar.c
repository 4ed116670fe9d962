/* Tells the root server what is not so: another's fault, a guest's state, labels that are none, lines of control characters, a status that is none. */
#include <bailiwick.h>
#include <bailiwick/root.h>

BW_USE(console);

static uint64_t refused, taken;

static void tell(uint32_t label, const char *text, uint64_t claimed) {
    const uint64_t count = strlen(text);
    uint64_t *words = bw_ipc()->words;
    words[0] = claimed;
    memcpy(&words[1], text, count);
    const struct bw_msg m = bw_call_buffer(BW_SLOT_PARENT, label, 1 + (uint32_t)((count + 7) / 8), 0);
    if (bw_error(&m) != 0 || bw_label(&m) != 0) refused++;
    else taken++;
}

int main(void) {
    static const char *const reports[] = {"{\"state\":\"panic\",\"status\":82}", "{\"event\":\"end\",\"status\":0}", "{", "null", "[]", "\"x\"", "{\"state\":", "\xff\xfe"};
    for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) tell(PARENT_GUEST, reports[i], strlen(reports[i]));
    /* Fault labels and kernel replies come on the keeper's badge, not on ours. */
    for (uint32_t label = 4; label < 300; label++) tell(label, "x", 1);
    tell(PARENT_LOG, "short", 945);
    tell(PARENT_LOG, "short", UINT64_MAX);
    bw_console_open(bw_use_console.cap);
    bw_printf("liar: %lu refused, %lu taken\n", refused, taken);
    tell(PARENT_LOG, "\x1b[2J\r\n{\"event\":\"end\",\"status\":0}\n", 33);
    for (unsigned i = 0; i < 300; i++) bw_log("flood");
    (void)bw_nb_send(BW_SLOT_PARENT, bw_info(PARENT_EXIT, 0, 0), 1, 2, 3, 4);
    bw_flush();
    (void)bw_call(BW_SLOT_PARENT, bw_info(PARENT_EXIT, 1, 0), 256 + 9, 0, 0, 0);
    for (;;) {}
}
