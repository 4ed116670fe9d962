/* program.c: what a program is told, its end, and its line to the operator, through the root server's capability that every program has. */
#include <bailiwick.h>
#include <bailiwick/root.h>

/* Words of a log message before its bytes. */
#define LOG_WORDS 1U

/* Set by start.S: strings key=value, the last one empty. */
const char *bw_arguments;

/* Where `text` goes on behind `prefix`; NULL: it does not begin so. */
static const char *behind(const char *text, const char *prefix) {
    while (*prefix != 0) if (*text++ != *prefix++) return NULL;
    return text;
}

/* The value behind the key that is `prefix` and `name`. */
static const char *lookup(const char *prefix, const char *name) {
    for (const char *at = bw_arguments; *at != 0; at += strlen(at) + 1) {
        const char *rest = behind(at, prefix);
        if (rest != NULL) rest = behind(rest, name);
        if (rest != NULL && *rest == '=') return rest + 1;
    }
    return NULL;
}

const char *bw_name(void) { return lookup("name", ""); }
const char *bw_arg(const char *name) { return lookup("args.", name); }

enum { MOST_DIGITS = 20 };

/* In decimal. */
static const char *digits_of(uint64_t number, char digits[MOST_DIGITS + 1]) {
    char *at = &digits[MOST_DIGITS];
    *at = 0;
    do *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    return at;
}

/* The value behind `prefix` and a decimal number. */
static const char *lookup_number(const char *prefix, uint64_t number) {
    char digits[MOST_DIGITS + 1];
    return lookup(prefix, digits_of(number, digits));
}

const char *bw_arg_at(const char *list, uint32_t index) {
    char digits[MOST_DIGITS + 1];
    return bw_arg_in(list, digits_of(index, digits));
}

/* The value behind the key that is `prefix`, `group`, a point and `name`. */
static const char *lookup_in(const char *prefix, const char *group, const char *name) {
    for (const char *at = bw_arguments; *at != 0; at += strlen(at) + 1) {
        const char *rest = behind(at, prefix);
        if (rest != NULL) rest = behind(rest, group);
        if (rest != NULL) rest = behind(rest, ".");
        if (rest != NULL) rest = behind(rest, name);
        if (rest != NULL && *rest == '=') return rest + 1;
    }
    return NULL;
}

const char *bw_arg_in(const char *group, const char *name) { return lookup_in("args.", group, name); }
const char *bw_offer(uint32_t index) { return lookup_number("offer.", index); }
const char *bw_client(uint64_t badge) { return lookup_number("client.", badge); }


uint64_t bw_quota(uint64_t badge, const char *kind, uint64_t otherwise) {
    char digits[MOST_DIGITS + 1];
    return bw_number(lookup_in("quota.", digits_of(badge, digits), kind), otherwise);
}

uint32_t bw_clients(void) {
    for (uint32_t number = 1;; number++) {
        bool known = false;
        for (uint32_t offer = 0; !known && bw_offer(offer) != NULL; offer++) known = bw_client((uint64_t)offer << 16 | number) != NULL;
        if (!known) return number - 1;
    }
}

uint64_t bw_number(const char *text, uint64_t otherwise) {
    uint64_t value = 0;
    if (text == NULL || *text == 0) return otherwise;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9' || value > (UINT64_MAX - 9) / 10) return otherwise;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value;
}

uint64_t bw_arg_number(const char *name, uint64_t otherwise) { return bw_number(bw_arg(name), otherwise); }
/* The root server always says it; 256 is what every component has. */
uint32_t bw_slots(void) { return (uint32_t)bw_number(lookup("slots", ""), 256); }

_Noreturn void bw_exit(int status) {
    bw_flush();
    (void)bw_call(BW_SLOT_PARENT, bw_info(PARENT_EXIT, 1, 0), (uint64_t)status & 0xff, 0, 0, 0);
    /* Never answered, where there is a parent. A constructor's product has none: its keeper is told, by a fault. */
    for (;;) __asm__ volatile("ebreak");
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
