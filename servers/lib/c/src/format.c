/* format.c: printf's conversions, those that print.h lists. */
#include "format.h"

#include <bailiwick/string.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest number: 64 bits in base 8 would be 22; base 10 is the lowest here. */
#define MOST_DIGITS 20

struct output {
    bw_sink *sink;
    int count;
};

struct conversion {
    bool left;
    bool zeros;
    int width;
    bool wide;
};

static void put(struct output *out, char c) {
    out->sink(c);
    out->count++;
}

static void fill(struct output *out, char c, int count) {
    for (; count > 0; count--) put(out, c);
}

/* `prefix` stands before zeros and after spaces: a sign or 0x. */
static void field(struct output *out, const struct conversion *c, const char *prefix, const char *text, size_t length) {
    const size_t used = strlen(prefix) + length;
    const int missing = c->width > 0 && (size_t)c->width > used ? c->width - (int)used : 0;
    if (!c->left && !c->zeros) fill(out, ' ', missing);
    for (; *prefix != '\0'; prefix++) put(out, *prefix);
    if (!c->left && c->zeros) fill(out, '0', missing);
    for (size_t i = 0; i < length; i++) put(out, text[i]);
    if (c->left) fill(out, ' ', missing);
}

static void number(struct output *out, const struct conversion *c, const char *prefix, uint64_t value, unsigned base, const char *digits) {
    char text[MOST_DIGITS];
    size_t at = sizeof text;
    do {
        text[--at] = digits[value % base];
        value /= base;
    } while (value != 0);
    field(out, c, prefix, &text[at], sizeof text - at);
}

int bw_format(bw_sink *sink, const char *format, va_list arguments) {
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";
    struct output out = {.sink = sink, .count = 0};
    while (*format != '\0') {
        if (*format != '%') {
            put(&out, *format++);
            continue;
        }
        const char *start = format++;
        struct conversion c = {0};
        for (; *format == '-' || *format == '0'; format++) {
            if (*format == '-') c.left = true;
            else c.zeros = true;
        }
        for (; *format >= '0' && *format <= '9' && c.width < 1000; format++) c.width = c.width * 10 + (*format - '0');
        for (; *format == 'l' || *format == 'z'; format++) c.wide = true;
        switch (*format) {
        case 's': {
            const char *text = va_arg(arguments, const char *);
            if (text == NULL) text = "(null)";
            c.zeros = false;
            field(&out, &c, "", text, strlen(text));
            break;
        }
        case 'c': {
            const char byte = (char)va_arg(arguments, int);
            c.zeros = false;
            field(&out, &c, "", &byte, 1);
            break;
        }
        case 'd':
        case 'i': {
            const int64_t value = c.wide ? va_arg(arguments, int64_t) : va_arg(arguments, int);
            number(&out, &c, value < 0 ? "-" : "", value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, lower);
            break;
        }
        case 'u':
        case 'x':
        case 'X': {
            const uint64_t value = c.wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned);
            number(&out, &c, "", value, *format == 'u' ? 10 : 16, *format == 'X' ? upper : lower);
            break;
        }
        case 'p':
            number(&out, &c, "0x", (uintptr_t)va_arg(arguments, void *), 16, lower);
            break;
        case '%':
            put(&out, '%');
            break;
        default:
            /* Unknown: shown as written. What ends the format is not skipped. */
            while (start < format) put(&out, *start++);
            if (*format == '\0') return out.count;
            put(&out, *format);
            break;
        }
        format++;
    }
    return out.count;
}
