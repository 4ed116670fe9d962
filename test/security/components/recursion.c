/* Recursion without end, into the page below the stack. */
static volatile int depth;
static int deeper(int n);
static int (*volatile next)(int) = deeper;
static int deeper(int n) {
    volatile char room[256];
    room[0] = (char)n;
    depth++;
    return next(n + 1) + room[0];
}
int main(void) { return deeper(0); }
