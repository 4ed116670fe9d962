/*
 * Two tenants, each with a bank of its own. One grows until it is refused, and does not want to go. Its bank is destroyed: it stops, all it has is gone, its memory is there
 * again, and the other tenant has noticed nothing.
 */
#include <bailiwick.h>
#include <bailiwick/bank-protocol.h>
#include <bailiwick/bank.h>

#include "protocol.h"
#include "tenant.h"

BW_USE(console);
BW_USE(bank);
BW_USE(office);
BW_USE(time);

enum { SLOT_BANKS = 128, SLOT_BLOCKS = 132, SLOT_TENANTS = 256, KIB = 1024 };

static struct tenant anna, bert;

static void print_table(const char *heading) {
    const size_t count = strlen(heading);
    bw_flush();
    bw_ipc()->words[0] = count;
    memcpy(&bw_ipc()->words[1], heading, count);
    (void)bw_call_buffer(bw_use_office.cap, OFFICE_PRINT, 1 + (uint32_t)((count + 7) / 8), 0);
}

static bool move_in(struct tenant *tenant, const char *name, uint32_t place, uint64_t limit, uint64_t reserve) {
    tenant->bank = SLOT_BANKS + place, tenant->block = SLOT_BLOCKS + place, tenant->slots = SLOT_TENANTS + place * TENANT_SLOTS;
    tenant->address = BW_THREAD_ADDRESSES + place * BW_THREAD_PAGES(2) * BW_PAGE;
    struct bw_bank_check check = {0};
    if (bw_bank_make(bw_use_bank.cap, limit, reserve, 0, name, tenant->bank) != 0 || bw_bank_verify(bw_use_bank.cap, tenant->bank, &check) != 0) return false;
    bw_printf("%s has a bank of %lu KiB%s\n", name, limit / KIB, check.alone ? ", which nobody else can use up" : "");
    const bw_err error = tenant_move_in(tenant, name, bw_use_time.cap);
    if (error != 0) bw_printf("%s cannot move in: %s\n", name, bw_error_name(error));
    return error == 0;
}

static void tell(struct tenant *tenant, const char *name) {
    bw_printf("%s: %s, has bought %u pages and was refused: %s\n", name, tenant_runs(tenant) ? "runs" : "is stopped", tenant->bought, tenant->refusal == BANK_E_LIMIT ? "the limit" : "?");
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    /* Anna's memory is set aside for her. Bert's is not, and he may have more of it. */
    if (!move_in(&anna, "anna", 0, 128 * KIB, 128 * KIB) || !move_in(&bert, "bert", 1, 256 * KIB, 0)) return 1;
    for (uint32_t i = 0; i < 1000; i++) bw_yield();
    tell(&anna, "anna");
    tell(&bert, "bert");
    print_table("Both live in their memory, and make copies of all they have:");

    bw_printf("bert's bank is destroyed: %s\n", bw_bank_destroy(bert.bank) == 0 ? "done" : "refused");
    tell(&bert, "bert");
    bw_printf("bert's belongings: %u capabilities\n", tenant_belongings(&bert));
    tell(&anna, "anna");
    print_table("His memory is there again:");

    uint64_t number = 0;
    struct bw_bank_figures figures;
    bw_printf("bert's bank, asked for its figures: %s\n", bw_bank_figures(bert.bank, &figures) == BANK_E_GONE ? "gone" : "it answers");
    bw_printf("a block of 256 KiB for the next tenant: %s\n", bw_bank_buy(bw_use_bank.cap, 18, SLOT_BLOCKS + 2, &number) == 0 ? "bought" : "refused");
    return 0;
}
