/*
 * dialog.h: the operator's side, a line at a time. Invariants
 *   P1  Nothing is given but by a line of the operator's in the dialog of that request; a dialog begins with an empty line of his and ends with one of his
 *       lines. What programs do meanwhile changes neither what is asked on the terminal nor whom an answer is for.
 */
#pragma once
#include <stdbool.h>

/* A line that was typed, without its end; one that is longer than the room for it does nothing. */
void dialog_line(const char *line, bool too_long);
/* Somebody has begun to wait. True: it was said, so the prompt has to be shown anew. */
bool dialog_tell(void);
void dialog_prompt(void);
