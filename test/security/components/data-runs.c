/* Executes what it has written on its stack. */
int main(void) {
    volatile unsigned code[] = {0x00000513, 0x00008067};
    ((int (*)(void))(unsigned long)code)();
    return 0;
}
