/* server.c: what is built: a server that answers with the sum of its requests, by the library's receive loop. */
#include <bailiwick.h>

/* Initialised data, so that a product has something to copy. */
static uint64_t total = 1;

static uint32_t do_add(struct bw_request *r) {
    total += r->w[0];
    r->w[0] = total;
    r->answer_length = 1;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {{.label = 1, .words = 1, .handle = do_add}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = 1};
    bw_serve(&service);
}
