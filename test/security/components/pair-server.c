/* A server that must give exact answers whatever its neighbours do. */
#include <bailiwick.h>

static uint64_t total;

static uint32_t do_add(struct bw_request *r) {
    total += r->w[0];
    r->w[0] = total;
    r->w[1] = ~total;
    r->answer_length = 2;
    return 0;
}

int main(void) {
    static const struct bw_method methods[] = {{.label = 1, .words = 1, .handle = do_add}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = 1};
    bw_serve(&service);
}
