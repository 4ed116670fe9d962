/* Keeps tokens for clients of the vault: label 1 puts 64 bytes behind a number, label 2 gives them back, or refuses with 1 while there are none. */
#include <bailiwick.h>

enum { PLACES = 32, BYTES = 64 };
static uint8_t tokens[PLACES][BYTES];
static bool there[PLACES];

static uint32_t do_put(struct bw_request *r) {
    const uint64_t place = r->w[0];
    const uint8_t *bytes = bw_request_bytes(r, 1, BYTES);
    if (place >= PLACES || bytes == NULL) return 2;
    memcpy(tokens[place], bytes, BYTES);
    there[place] = true;
    return 0;
}

static uint32_t do_get(struct bw_request *r) {
    const uint64_t place = r->w[0];
    if (place >= PLACES || !there[place]) return 1;
    memcpy(bw_answer_room(0), tokens[place], BYTES);
    bw_answer_bytes(r, 0, BYTES);
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {{.label = 1, .words = 1, .handle = do_put}, {.label = 2, .words = 1, .handle = do_get}};
    struct bw_service service = {.methods = methods, .count = 2, .bad_request = 3};
    bw_serve(&service);
}
