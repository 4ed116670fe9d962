/*
 * input.h: what the keyboard and the tablet do, and whom it is told. Each handler takes one event of a driver.
 *
 * Keys are told to the window that has the focus. The pointer's buttons are told to the window in whose content the first of them went down, until all are up
 * (a grab); else its motions and wheel to the window with the focus, while it is over its content. Whatever else is done is the server's: F12, the bar, titles.
 */
#pragma once
#include <bailiwick/input.h>

void input_key(const struct bw_input_event *event);
void input_point(const struct bw_input_event *event);
/* After a batch of events: the pointer and a window that is being dragged are drawn where they have come to. */
void input_settle(void);
