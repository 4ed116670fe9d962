/* What the kit's IPC and process figures are compared with: native processes of Linux that do the same by Linux's means.
 *
 *   peers KIND ROUNDS   prints nanoseconds a round trip; for spawn, a process
 *
 *   pipe     32 bytes each way (four words) through two pipes
 *   long     960 bytes each way (120 words) through two pipes
 *   rights   32 bytes each way through a Unix socket, and three file descriptors there, which the receiver closes
 *   signal   an eventfd each way: the counter goes up, the other process wakes and takes it
 *   spawn    posix_spawn of this program, which is linked statically, as one that ends at once; waitpid
 *
 * All processes are pinned to the last CPU this one may use: on two CPUs a wake-up crosses between them and takes several times as long. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 3, MOST_WORDS = 120 };

/* The last word of a message counts the round trips: one that was lost or repeated shows. */
typedef struct { uint64_t word[MOST_WORDS]; } message;
typedef struct { int in, out; } ends;

/* A way for two processes to talk, or one to start another. */
typedef struct {
    const char *name;
    size_t words;
    void (*open)(ends *here, ends *there);
    void (*trip)(ends e, message *m, size_t words); /* one round trip, by the process that measures */
    void (*echo)(ends e, message *m, size_t words); /* the other's part of it */
} peer;

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

static void put(int fd, const void *from, size_t bytes) {
    if (write(fd, from, bytes) != (ssize_t)bytes) fail("write");
}

static void take(int fd, void *to, size_t bytes) {
    if (read(fd, to, bytes) != (ssize_t)bytes) fail("read");
}

/* ---- pipe, long ---- */

static void openPipes(ends *here, ends *there) {
    int out[2], back[2];
    if (pipe(out) || pipe(back)) fail("pipe");
    *here = (ends){.in = back[0], .out = out[1]}, *there = (ends){.in = out[0], .out = back[1]};
}

static void tripBytes(ends e, message *m, size_t words) {
    put(e.out, m, words * sizeof m->word[0]);
    take(e.in, m, words * sizeof m->word[0]);
}

static void echoBytes(ends e, message *m, size_t words) {
    take(e.in, m, words * sizeof m->word[0]);
    m->word[words - 1]++;
    put(e.out, m, words * sizeof m->word[0]);
}

/* ---- rights ---- */

static int sent[DESCRIPTORS];

static void openSocket(ends *here, ends *there) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) fail("socketpair");
    *here = (ends){.in = pair[0], .out = pair[0]}, *there = (ends){.in = pair[1], .out = pair[1]};
    for (int i = 0; i < DESCRIPTORS; i++)
        if ((sent[i] = eventfd(0, 0)) < 0) fail("eventfd");
}

typedef union {
    char bytes[CMSG_SPACE(sizeof sent)];
    struct cmsghdr aligned;
} control;

static struct msghdr envelope(struct iovec *body, control *c) {
    memset(c, 0, sizeof *c);
    return (struct msghdr){.msg_iov = body, .msg_iovlen = 1, .msg_control = c->bytes, .msg_controllen = sizeof c->bytes};
}

static void tripRights(ends e, message *m, size_t words) {
    struct iovec body = {m, words * sizeof m->word[0]};
    control c;
    struct msghdr header = envelope(&body, &c);
    struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    *first = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof sent)};
    memcpy(CMSG_DATA(first), sent, sizeof sent);
    if (sendmsg(e.out, &header, 0) != (ssize_t)body.iov_len) fail("sendmsg");
    take(e.in, m, body.iov_len);
}

static void echoRights(ends e, message *m, size_t words) {
    struct iovec body = {m, words * sizeof m->word[0]};
    control c;
    struct msghdr header = envelope(&body, &c);
    const ssize_t got = recvmsg(e.in, &header, 0);
    const struct cmsghdr *first = CMSG_FIRSTHDR(&header);
    if (got != (ssize_t)body.iov_len || !first || first->cmsg_len != CMSG_LEN(sizeof sent)) fail("recvmsg");
    int received[DESCRIPTORS];
    memcpy(received, CMSG_DATA(first), sizeof received);
    for (int i = 0; i < DESCRIPTORS; i++)
        if (close(received[i])) fail("close");
    m->word[words - 1]++;
    put(e.out, m, body.iov_len);
}

/* ---- signal ---- */

static void openEvents(ends *here, ends *there) {
    const int out = eventfd(0, 0), back = eventfd(0, 0);
    if (out < 0 || back < 0) fail("eventfd");
    *here = (ends){.in = back, .out = out}, *there = (ends){.in = out, .out = back};
}

static void tripSignal(ends e, message *m, size_t words) {
    const uint64_t one = 1;
    uint64_t word;
    put(e.out, &one, sizeof one);
    take(e.in, &word, sizeof word);
    m->word[words - 1] += word;
}

static void echoSignal(ends e, message *m, size_t words) {
    (void)m, (void)words;
    const uint64_t one = 1;
    uint64_t word;
    take(e.in, &word, sizeof word);
    put(e.out, &one, sizeof one);
}

/* ---- spawn ---- */

static char self[4096];
extern char **environ;

static void openNothing(ends *here, ends *there) {
    *here = *there = (ends){.in = -1, .out = -1};
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) fail("/proc/self/exe");
}

static void tripSpawn(ends e, message *m, size_t words) {
    (void)e;
    char nothing[] = "nothing", *arguments[] = {self, nothing, NULL};
    pid_t child;
    int status;
    if (posix_spawn(&child, self, NULL, NULL, arguments, environ)) fail("posix_spawn");
    if (waitpid(child, &status, 0) != child || status) fail("waitpid");
    m->word[words - 1]++;
}

static const peer PEERS[] = {
    {"pipe", 4, openPipes, tripBytes, echoBytes},       {"long", MOST_WORDS, openPipes, tripBytes, echoBytes},
    {"rights", 4, openSocket, tripRights, echoRights},  {"signal", 1, openEvents, tripSignal, echoSignal},
    {"spawn", 1, openNothing, tripSpawn, NULL},
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds a round trip, of so many. */
static double measure(const peer *p, long rounds) {
    ends here, there;
    message m = {{0}};
    p->open(&here, &there);
    const pid_t child = p->echo ? fork() : 0;
    if (child < 0) fail("fork");
    if (p->echo && child == 0) { /* the other process, until the first one ends it or ends */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) p->echo(there, &m, p->words);
    }
    const long warm = rounds / 10 + 1;
    for (long i = 0; i < warm; i++) p->trip(here, &m, p->words);
    const double from = now();
    for (long i = 0; i < rounds; i++) p->trip(here, &m, p->words);
    const double to = now();
    if (child) kill(child, SIGKILL), waitpid(child, NULL, 0);
    if (m.word[p->words - 1] != (uint64_t)(rounds + warm)) {
        fprintf(stderr, "%s: %llu answers\n", p->name, (unsigned long long)m.word[p->words - 1]);
        exit(1);
    }
    return (to - from) / (double)rounds;
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "nothing")) return 0;
    const long rounds = argc == 3 ? atol(argv[2]) : 0;
    for (size_t i = 0; rounds >= 1 && i < sizeof PEERS / sizeof PEERS[0]; i++) {
        if (strcmp(PEERS[i].name, argv[1])) continue;
        pin();
        printf("%.1f\n", measure(&PEERS[i], rounds));
        return 0;
    }
    fprintf(stderr, "usage: peers pipe|long|rights|signal|spawn ROUNDS\n");
    return 2;
}
