/* commands.c: what can be typed. Each command prints and says whether it went well; `arguments` is the rest of the line. */
#include "guest.h"

enum { CAUSE_ILLEGAL = 2, CAUSE_BREAKPOINT = 3 };
enum { PAGE = 4096, RANDOM_BYTES = 16 };

extern const char _image[], _end[];

static struct machine machine;

void commands_init(const struct machine *m) { machine = *m; }

static bool do_echo(const char *arguments) {
    print("%s\n", arguments);
    return true;
}

static bool do_uptime(const char *arguments) {
    (void)arguments;
    const uint64_t time = now(), hundredths = machine.timebase / 100;
    print("up %lu.%02lu s, %lu timer interrupts\n", time / machine.timebase, time % machine.timebase / hundredths, ticks());
    return true;
}

/* Sleeps a second, on timer interrupts alone. */
static bool do_sleep(const char *arguments) {
    (void)arguments;
    for (const uint64_t end = now() + machine.timebase; now() < end;) idle();
    return true;
}

static bool overlaps(uint64_t at, uint64_t from, uint64_t to) { return from < at + PAGE && at < to; }

/* Writes each free page's address into it, then reads all back: pages that show the same memory are found out. */
static bool do_mem(const char *arguments) {
    (void)arguments;
    const uint64_t end = machine.ram + machine.ram_bytes;
    uint64_t tested = 0, wrong = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint64_t at = ((uintptr_t)_end + PAGE - 1) & ~(uint64_t)(PAGE - 1); at + PAGE <= end; at += PAGE) {
            if (overlaps(at, machine.tree, machine.tree + machine.tree_bytes) || overlaps(at, machine.initrd, machine.initrd_end)) continue;
            volatile uint64_t *word = (volatile uint64_t *)at;
            if (pass == 0) *word = at;
            else if (tested++, *word != at) wrong++;
        }
    }
    print("%lu MiB at 0x%lx, %lu pages free, %lu of them wrong\n", machine.ram_bytes >> 20, machine.ram, tested, wrong);
    return wrong == 0;
}

static bool do_sv39(const char *arguments) {
    (void)arguments;
    return paging_test();
}

static bool caught(const char *what, uint64_t cause) {
    const struct trapped t = took_trap();
    const bool right = t.came && t.cause == cause;
    print("%s: %s, cause %lu\n", what, right ? "trapped and recovered" : "WRONG", t.cause);
    return right;
}

static bool do_trap(const char *arguments) {
    (void)arguments;
    expect_trap();
    __asm__ volatile(".4byte 0xffffffff");
    bool right = caught("illegal instruction", CAUSE_ILLEGAL);
    expect_trap();
    __asm__ volatile("ebreak");
    right &= caught("ebreak", CAUSE_BREAKPOINT);
    return right;
}

static bool do_rng(const char *arguments) {
    (void)arguments;
    static uint8_t bytes[RANDOM_BYTES];
    if (!entropy_read(bytes, sizeof bytes)) {
        print("no entropy device answers\n");
        return false;
    }
    for (unsigned i = 0; i < sizeof bytes; i++) print("%02x", bytes[i]);
    print("\n");
    return true;
}

static bool do_poweroff(const char *arguments) {
    (void)arguments;
    interrupts_off();
    sbi_reset(RESET_SHUTDOWN, REASON_NONE);
    print("the firmware cannot power off\n");
    return false;
}

static bool do_reboot(const char *arguments) {
    (void)arguments;
    interrupts_off();
    sbi_reset(RESET_COLD_REBOOT, REASON_NONE);
    print("the firmware cannot reboot\n");
    return false;
}

static bool do_panic(const char *arguments) {
    (void)arguments;
    panic("as asked");
}

/* Waits for what cannot come. */
static bool do_hang(const char *arguments) {
    (void)arguments;
    interrupts_off();
    while (true) idle();
    return false;
}

/* Never waits. */
static bool do_spin(const char *arguments) {
    (void)arguments;
    while (true) __asm__ volatile("");
    return false;
}

static bool do_help(const char *arguments);

static const struct {
    const char *name;
    const char *what;
    bool (*run)(const char *arguments);
} commands[] = {
    {"help", "this list", do_help},
    {"echo", "prints its arguments", do_echo},
    {"uptime", "time since the start", do_uptime},
    {"sleep", "waits a second", do_sleep},
    {"mem", "memory, and a test of it", do_mem},
    {"sv39", "turns paging on and tests it", do_sv39},
    {"trap", "takes exceptions and recovers", do_trap},
    {"rng", "random bytes of the entropy device", do_rng},
    {"poweroff", "ends the machine", do_poweroff},
    {"reboot", "asks for a reset", do_reboot},
    {"panic", "ends as a kernel does that broke", do_panic},
    {"hang", "waits for an interrupt that cannot come", do_hang},
    {"spin", "never waits", do_spin},
};

static bool do_help(const char *arguments) {
    (void)arguments;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        print("%s", commands[i].name);
        for (size_t column = strlen(commands[i].name); column < 10; column++) print(" ");
        print("%s\n", commands[i].what);
    }
    return true;
}

bool command(const char *line) {
    while (*line == ' ') line++;
    if (*line == '\0') return true;
    size_t length = 0;
    while (line[length] != '\0' && line[length] != ' ') length++;
    const char *arguments = line + length;
    while (*arguments == ' ') arguments++;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strlen(commands[i].name) == length && starts(line, commands[i].name)) return commands[i].run(arguments);
    }
    print("no such command: %s (try help)\n", line);
    return false;
}
