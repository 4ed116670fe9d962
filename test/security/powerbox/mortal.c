/* A file server that says what its directory is, and ends when it is asked for what is in it. */
#include <bailiwick.h>
#include <bailiwick/file-protocol.h>

static uint32_t do_info(struct bw_request *r) {
    r->w[0] = 2, r->w[1] = 0, r->w[2] = 7;
    r->answer_length = 3;
    return 0;
}

static uint32_t do_list(struct bw_request *r) {
    (void)r;
    bw_exit(1);
}

int main(void) {
    static const struct bw_method methods[] = {{.label = FILE_INFO, .words = 0, .handle = do_info}, {.label = FILE_LIST, .words = 1, .handle = do_list}};
    struct bw_service service = {.methods = methods, .count = sizeof methods / sizeof *methods, .bad_request = FILE_E_BAD_REQUEST};
    bw_serve(&service);
}
