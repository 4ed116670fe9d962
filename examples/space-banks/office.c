/* The operator's table of who has how much. It has the offer `all`: it can look at every bank, and buy, free or destroy nothing. */
#include <bailiwick.h>
#include <bailiwick/bank.h>

#include "protocol.h"

BW_USE(console);
BW_USE(bank);

enum { HEADING = 60, NAME_WIDTH = 18 };

static void print_kib(uint64_t bytes, const char *none) {
    if (bytes == 0) bw_printf("%8s", none);
    else bw_printf("%8lu", bytes >> 10);
}

static void print_table(void) {
    struct bw_bank_figures figures;
    char name[BW_BANK_NAME_BYTES];
    uint32_t depth = 0;
    bw_printf("  %-18s%8s%8s%8s%8s%8s  (KiB)\n", "bank", "sold", "peak", "limit", "aside", "blocks");
    for (uint64_t place = 0; bw_bank_list(bw_use_bank.cap, place, &figures, &depth, name) == 0; place++) {
        bw_printf("  ");
        for (uint32_t i = 0; i < depth; i++) bw_printf("  ");
        bw_printf("%s", name);
        for (size_t width = 2UL * depth + strlen(name); width < NAME_WIDTH; width++) bw_printf(" ");
        print_kib(figures.used, "0");
        print_kib(figures.peak, "0");
        print_kib(figures.limit, "-");
        print_kib(figures.reserve, "-");
        bw_printf("%8lu\n", figures.blocks);
    }
}

static uint32_t do_print(struct bw_request *r) {
    const uint64_t count = r->w[0];
    const uint8_t *heading = count <= HEADING ? bw_request_bytes(r, 1, count) : NULL;
    if (heading == NULL) return OFFICE_E_BAD_REQUEST;
    char text[HEADING + 1] = {0};
    memcpy(text, heading, count);
    bw_printf("%s\n", text);
    print_table();
    return 0;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    static const struct bw_method methods[] = {{.label = OFFICE_PRINT, .words = 1, .handle = do_print}};
    struct bw_service service = {.methods = methods, .count = 1, .bad_request = OFFICE_E_BAD_REQUEST};
    bw_serve(&service);
}
