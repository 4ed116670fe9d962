/* terminal.h: a view of the console as lines: what is shown, and what is typed. */
#pragma once
#include <stdbool.h>

enum { LINE_MOST = 200 };

/* False: the console does not let this program have input. */
bool terminal_open(void);
/* Shows the prompt and waits for a line; valid until the next one. */
const char *terminal_line(const char *prompt);
