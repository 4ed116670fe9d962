/* The switch's rules, stations and rates on this machine: a command a line, an answer a line. */
#include <bailiwick/rate.h>

#include "rules.h"
#include "stations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct policy policy;
static struct bw_rate rate;

/* On the heap, of their own length, so that a look beyond the end is found. */
static uint8_t *bytes_of(const char *hex, uint32_t *count) {
    *count = (uint32_t)(strspn(hex, "0123456789abcdef") / 2);
    uint8_t *bytes = malloc(*count == 0 ? 1 : *count);
    for (uint32_t i = 0; i < *count; i++) {
        unsigned value = 0;
        if (sscanf(hex + 2 * i, "%2x", &value) != 1) exit(1);
        bytes[i] = (uint8_t)value;
    }
    return bytes;
}

int main(void) {
    static char line[8192];
    while (fgets(line, sizeof line, stdin) != NULL) {
        unsigned long a = 0, b = 0, c = 0;
        int at = 0;
        line[strcspn(line, "\n")] = 0;
        switch (line[0]) {
        case 'n':
            memset(&policy, 0, sizeof policy);
            puts("new");
            break;
        case '+': {
            const size_t count = strlen(line + 2);
            char *text = malloc(count == 0 ? 1 : count);
            memcpy(text, line + 2, count);
            printf("%d\n", policy_add(&policy, text, count));
            free(text);
            break;
        }
        case 'f': {
            uint32_t count = 0;
            if (sscanf(line + 2, "%lu %lx %n", &a, &b, &at) != 2) return 1;
            uint8_t *frame = bytes_of(line + 2 + at, &count);
            printf("%d\n", (int)policy_check(&policy, (enum direction)a, frame, count, b));
            free(frame);
            break;
        }
        case 'h':
            if (sscanf(line + 2, "%lu %lu %lu", &a, &b, &c) != 3) return 1;
            printf("%d\n", station_heard(a, (uint32_t)b, c));
            break;
        case 'p':
            if (sscanf(line + 2, "%lu %lu", &a, &b) != 2) return 1;
            printf("%d\n", station_place(a, b));
            break;
        case 'x':
            if (sscanf(line + 2, "%lu", &a) != 1) return 1;
            stations_forget((uint32_t)a);
            puts("forgotten");
            break;
        case 'r':
            if (sscanf(line + 2, "%lu", &a) != 1) return 1;
            rate = (struct bw_rate){.per_second = a};
            puts("rate");
            break;
        case 't':
            if (sscanf(line + 2, "%lu %lu %lu", &a, &b, &c) != 3) return 1;
            at = bw_rate_allows(&rate, a, b, c);
            if (at) bw_rate_take(&rate, a, c);
            printf("%d\n", at);
            break;
        default: return 1;
        }
    }
    return 0;
}
