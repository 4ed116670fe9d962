/* main.c: from the entry point to the prompt, or to the commands that the boot arguments name. */
#include "guest.h"

enum { LINE = 128 };
enum { KEY_INTERRUPT = 3, KEY_BACKSPACE = 8, KEY_DONE = 4, KEY_KILL = 21, KEY_DELETE = 127 };

void guest_main(uint64_t hart, uint64_t tree);

/* Reads a line with echo. The result is false when the user is done (Ctrl-D at its start). */
static bool read_line(char *line) {
    uint32_t length = 0;
    for (;;) {
        const uint8_t byte = console_wait();
        if (byte == '\r' || byte == '\n') {
            put('\n');
            line[length] = '\0';
            return true;
        }
        if (byte == KEY_DONE && length == 0) return false;
        if (byte == KEY_INTERRUPT) {
            print("^C\n");
            line[0] = '\0';
            return true;
        }
        if ((byte == KEY_BACKSPACE || byte == KEY_DELETE) && length > 0) {
            length--;
            print("\b \b");
        } else if (byte == KEY_KILL) {
            for (; length > 0; length--) print("\b \b");
        } else if (byte >= ' ' && byte < KEY_DELETE && length < LINE - 1) {
            line[length++] = (char)byte;
            put((char)byte);
        }
    }
}

/* Runs the commands of a text, parted by semicolons; stops at the first that fails. */
static bool run(const char *text) {
    char line[LINE];
    bool right = true;
    while (right && *text != '\0') {
        size_t length = 0;
        for (; *text != '\0' && *text != ';'; text++) {
            if (length < LINE - 1) line[length++] = *text;
        }
        line[length] = '\0';
        right = command(line);
        if (*text == ';') text++;
    }
    return right;
}

void guest_main(uint64_t hart, uint64_t tree) {
    static struct machine machine;
    const bool described = devicetree_read(tree, &machine);
    /* The rest of the boot arguments, whatever is in it. */
    static const char key[] = "bailiwick.exec=";
    const char *exec = find(machine.bootargs, key);
    console_init(&machine, exec == NULL);
    if (!described) panic("no device tree at 0x%lx", tree);
    commands_init(&machine);
    trap_init(machine.timebase);
    if (exec != NULL) {
        const bool right = run(exec + sizeof key - 1);
        control_exit(right);
        (void)command("poweroff");
    }
    const uint64_t version = sbi_spec_version();
    print("bare guest on hart %lu, SBI %lu.%lu, %lu MiB; help lists the commands\n", hart, version >> 24, version & 0xffffff, machine.ram_bytes >> 20);
    for (;;) {
        char line[LINE];
        print("bare> ");
        if (!read_line(line)) {
            print("\n");
            (void)command("poweroff");
        }
        (void)command(line);
    }
}
