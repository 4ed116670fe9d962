/* hello.c: a program with one thing to use, the console. The manifest says which one; no name, path or number is written here. */
#include <bailiwick.h>

BW_USE(console);

int main(void) {
    bw_console_open(bw_use_console.cap);
    bw_puts("hello from a confined program");
    bw_printf("my console is the capability in slot %lu; the driver knows me as client %lu\n", bw_use_console.cap, bw_use_console.badge);
    bw_puts("I have no other way out: no file, no clock, no network");
    return 0;
}
