/* host.c: net_sum of what comes by lines of hexadecimal bytes: at each of sixteen places in memory, with nothing behind it that may be read. A line for each: sixteen sums. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checksum.h"

int main(void) {
    static char line[65536];
    while (fgets(line, sizeof line, stdin) != NULL) {
        const size_t bytes = strcspn(line, "\n") / 2;
        for (size_t at = 0; at < 16; at++) {
            unsigned char *block = malloc(at + bytes), *data = block + at;
            if (block == NULL && at + bytes > 0) return 1;
            for (size_t i = 0; i < bytes; i++) {
                unsigned value = 0;
                if (sscanf(&line[2 * i], "%2x", &value) != 1) return 1;
                data[i] = (unsigned char)value;
            }
            printf("%s%u", at == 0 ? "" : " ", net_sum(data, (int)bytes));
            free(block);
        }
        printf("\n");
    }
    return 0;
}
