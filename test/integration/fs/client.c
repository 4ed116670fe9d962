#include <bailiwick.h>
#include <bailiwick/console.h>
BW_USE(console);
BW_USE(home);
BW_USE(look);
BW_USE(add);
BW_USE(small);
int main(void) { bw_console_open(bw_use_console.cap); bw_printf("hello\n"); return 0; }
