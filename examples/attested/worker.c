/* Has nothing and waits for ever: what counts is that it runs. */
#include <bailiwick.h>

int main(void) {
    for (;;) (void)bw_wait(BW_SLOT_NOTIFICATION);
}
