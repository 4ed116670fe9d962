/* dialog.h: the safe and its person: lines that are typed in the safe's view, and what waits for a yes or a no. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "entries.h"

enum { DIALOG_LINE = 127 };

/* A request to log in waits for an answer from now on; `who` asked. */
void dialog_asks(const char *who, const struct entry *entry);
/* Nothing is shown of what is typed: it is a password. */
bool dialog_is_secret(void);
void dialog_prompt(void);
/* The dialog wipes a line that is a password. */
void dialog_line(char *line);

/* Of safe.c. A request waits; `allowed`: to be carried out. `mute`: whoever asked is not heard any more. */
bool request_waits(void);
void request_answer(bool allowed, bool mute);
/* Everybody is heard again. */
void request_listen(void);
/* One of the sites that the manifest connects the safe with. */
bool site_is_known(const char *site);
