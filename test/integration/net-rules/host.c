/* The network server's rules on this machine: a command a line, an answer a line. Two sets of rules; what is asked is asked of both. */
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rules sets[2];

int main(void) {
    static char line[2048];
    while (fgets(line, sizeof line, stdin) != NULL) {
        /* On the heap and without a 0 behind it, so that a look beyond the end is found. */
        const size_t count = strcspn(line, "\n") - 2;
        char *text = malloc(count == 0 ? 1 : count);
        char name[LIMIT_NAME + 1];
        unsigned kind = 0, address = 0, port = 0;
        memcpy(text, line + 2, count);
        line[count + 2] = 0;
        switch (line[0]) {
        case '0': case '1': printf("%d\n", rules_add(&sets[line[0] - '0'], text, count)); break;
        case 'a':
            if (sscanf(line + 2, "%u %u %u", &kind, &address, &port) != 3) return 1;
            for (int i = 0; i < 2; i++) printf("%d%s", rules_allow_address(&sets[i], (enum rule_kind)kind, address, (uint16_t)port), i == 0 ? " " : "\n");
            break;
        case 'n':
            if (sscanf(line + 2, "%u %253s %u", &kind, name, &port) != 3) return 1;
            for (int i = 0; i < 2; i++) printf("%d%s", rules_allow_name(&sets[i], (enum rule_kind)kind, name, (uint16_t)port), i == 0 ? " " : "\n");
            break;
        case 'p':
            if (sscanf(line + 2, "%u %u", &kind, &port) != 2) return 1;
            for (int i = 0; i < 2; i++) printf("%d%s", rules_allow_port(&sets[i], (enum rule_kind)kind, (uint16_t)port), i == 0 ? " " : "\n");
            break;
        case 'w': printf("%d\n", rules_within(&sets[0], &sets[1])); break;
        case 'h': {
            uint32_t value = 0;
            const enum host_kind host = host_of(text, count, &value, name);
            if (host == HOST_ADDRESS) printf("address %u\n", value);
            else printf(host == HOST_NAME ? "name %s\n" : "none\n", name);
            break;
        }
        default: return 1;
        }
        free(text);
    }
    return 0;
}
