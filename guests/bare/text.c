/* text.c: bytes, strings and the formats %s %c %d %u %x %lu %lx %p with a width and zeros. */
#include "guest.h"

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    uint8_t *d = to;
    const uint8_t *s = from;
    while (count-- > 0) *d++ = *s++;
    return to;
}

void *memset(void *to, int value, size_t count) {
    for (uint8_t *d = to; count > 0; count--) *d++ = (uint8_t)value;
    return to;
}

size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count] != '\0') count++;
    return count;
}

int strcmp(const char *a, const char *b) {
    for (; *a != '\0' && *a == *b; a++, b++) {}
    return (int)(uint8_t)*a - (int)(uint8_t)*b;
}

bool starts(const char *text, const char *with) {
    for (; *with != '\0'; text++, with++) {
        if (*text != *with) return false;
    }
    return true;
}

const char *find(const char *text, const char *part) {
    for (; *text != '\0'; text++) {
        if (starts(text, part)) return text;
    }
    return NULL;
}

static void number(sink *out, uint64_t value, unsigned base, unsigned width, char pad) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    for (unsigned i = count; i < width; i++) out(pad);
    while (count > 0) out(digits[--count]);
}

void format_text(sink *out, const char *format, va_list arguments) {
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            out(*format);
            continue;
        }
        format++;
        const char pad = *format == '0' ? '0' : ' ';
        unsigned width = 0;
        for (; *format >= '0' && *format <= '9'; format++) width = width * 10 + (unsigned)(*format - '0');
        bool wide = false;
        for (; *format == 'l'; format++) wide = true;
        switch (*format) {
        case 's':
            for (const char *text = va_arg(arguments, const char *); *text != '\0'; text++) out(*text);
            break;
        case 'c':
            out((char)va_arg(arguments, int));
            break;
        case 'd': {
            const int64_t value = wide ? va_arg(arguments, int64_t) : va_arg(arguments, int);
            if (value < 0) out('-');
            number(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, width, pad);
            break;
        }
        case 'u':
        case 'x':
            number(out, wide ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned), *format == 'u' ? 10 : 16, width, pad);
            break;
        case 'p':
            out('0');
            out('x');
            number(out, (uintptr_t)va_arg(arguments, void *), 16, width, pad);
            break;
        case '%':
            out('%');
            break;
        default:
            return;
        }
    }
}
