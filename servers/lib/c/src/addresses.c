/* addresses.c: see addresses.h. */
#include <bailiwick/addresses.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* How many characters the number has, 0 for none. */
static size_t number_in(const char *text, size_t count, uint64_t most, uint64_t *number) {
    size_t used = 0;
    uint64_t value = 0;
    for (; used < count && is_digit(text[used]); used++) {
        const uint64_t digit = (uint64_t)(text[used] - '0');
        if (digit > most || value > (most - digit) / 10) return 0;
        value = value * 10 + digit;
    }
    if (used == 0 || (used > 1 && text[0] == '0')) return 0;
    *number = value;
    return used;
}

/* How many characters the address has, 0 for none. */
static size_t address_in(const char *text, size_t count, uint32_t *address) {
    size_t used = 0;
    uint32_t found = 0;
    for (uint32_t part = 0; part < 4; part++) {
        uint64_t value = 0;
        if (part > 0 && (used == count || text[used++] != '.')) return 0;
        const size_t digits = number_in(text + used, count - used, 255, &value);
        if (digits == 0) return 0;
        used += digits;
        found = found << 8 | (uint32_t)value;
    }
    *address = found;
    return used;
}

bool bw_read_number(const char *text, size_t count, uint64_t most, uint64_t *number) { return count > 0 && number_in(text, count, most, number) == count; }

bool bw_read_address(const char *text, size_t count, uint32_t *address) { return count > 0 && address_in(text, count, address) == count; }

bool bw_read_hosts(const char *text, size_t count, uint32_t *address, uint32_t *mask) {
    uint64_t bits = 32;
    *address = *mask = 0;
    if (count == 1 && text[0] == '*') return true;
    const size_t used = address_in(text, count, address);
    if (used == 0) return false;
    if (used < count && (text[used] != '/' || !bw_read_number(text + used + 1, count - used - 1, 32, &bits))) return false;
    *mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
    *address &= *mask;
    return true;
}

bool bw_read_ports(const char *text, size_t count, uint16_t *from, uint16_t *to) {
    uint64_t first = 1, last = UINT16_MAX;
    if (count != 1 || text[0] != '*') {
        const size_t used = number_in(text, count, UINT16_MAX, &first);
        last = first;
        if (used == 0 || (used < count && (text[used] != '-' || !bw_read_number(text + used + 1, count - used - 1, UINT16_MAX, &last)))) return false;
    }
    *from = (uint16_t)first, *to = (uint16_t)last;
    return first >= 1 && first <= last;
}
