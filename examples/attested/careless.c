/* Ends in a fault, which the statement tells. */
#include <bailiwick.h>

int main(void) { return *(volatile int *)0x1234; }
