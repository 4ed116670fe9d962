/* The peer of the IPC figures: one round trip through two pipes between two processes on one CPU, 32 bytes each way (four words).
 *
 *   pipe ROUNDS   prints nanoseconds a round trip
 *
 * Both processes are pinned to the last CPU this process may use: on two CPUs a wake-up crosses between them and takes several times as long. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct { uint64_t word[4]; } message;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void pin(void) {
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed)) fail("sched_getaffinity");
    int last = CPU_SETSIZE - 1;
    while (last > 0 && !CPU_ISSET(last, &allowed)) last--;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    if (sched_setaffinity(0, sizeof one, &one)) fail("sched_setaffinity");
}

/* The last word counts the round trips: a message that was lost or repeated shows. */
static void roundTrips(int out, int in, long rounds, uint64_t *sum) {
    message m = {{1, 2, 3, *sum}};
    for (long i = 0; i < rounds; i++) {
        if (write(out, &m, sizeof m) != sizeof m || read(in, &m, sizeof m) != sizeof m) fail("round trip");
    }
    *sum = m.word[3];
}

static void echo(int in, int out) {
    message m;
    while (read(in, &m, sizeof m) == sizeof m) {
        m.word[3]++;
        if (write(out, &m, sizeof m) != sizeof m) fail("write");
    }
    exit(0);
}

int main(int argc, char **argv) {
    const long rounds = argc == 2 ? atol(argv[1]) : 0;
    if (rounds < 1) {
        fprintf(stderr, "usage: pipe ROUNDS\n");
        return 2;
    }
    int there[2], back[2];
    pin();
    if (pipe(there) || pipe(back)) fail("pipe");
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        close(there[1]), close(back[0]);
        echo(there[0], back[1]);
    }
    close(there[0]), close(back[1]);
    uint64_t sum = 0;
    struct timespec from, to;
    roundTrips(there[1], back[0], rounds / 10 + 1, &sum);
    clock_gettime(CLOCK_MONOTONIC, &from);
    roundTrips(there[1], back[0], rounds, &sum);
    clock_gettime(CLOCK_MONOTONIC, &to);
    close(there[1]);
    waitpid(child, NULL, 0);
    if (sum != (uint64_t)(rounds + rounds / 10 + 1)) {
        fprintf(stderr, "%llu answers\n", (unsigned long long)sum);
        return 1;
    }
    printf("%.1f\n", ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / (double)rounds);
    return 0;
}
