/* petnames.c: does what args.do says, a line each: add SLOT NICKNAME|PETNAME, rename A|B, remove A, find A, of SLOT, like TEXT. */
#include <bailiwick.h>
#include <bailiwick/patterns/petnames.h>

BW_USE(console);

enum { SLOT_MADE = 128 };
static struct bw_named named[4];
static struct bw_petnames names = {.named = named, .count = 4};

static const char *const results[] = {"done", "badName", "taken", "lookAlike", "hasOne", "nothing", "full"};

/* "a|b": the first part; `rest` is the second. */
static const char *part(const char *line, char out[100], const char **rest) {
    size_t n = 0;
    for (; *line != 0 && *line != '|' && n < 99; line++) out[n++] = *line;
    out[n] = 0;
    *rest = *line == '|' ? line + 1 : line;
    return out;
}

static bw_cptr slot_of(char letter) { return letter == '0' ? 0 : SLOT_MADE + (bw_cptr)(letter - 'a'); }

static void say(enum bw_petname_refusal refusal, const struct bw_named *by) {
    bw_printf(" %s", results[refusal]);
    if (by != NULL) bw_printf(" (%s)", by->petname);
}

static void show(const struct bw_named *found) {
    if (found == NULL) bw_printf(" nobody");
    else bw_printf(" %s, who says %s", found->petname, found->nickname);
}

static void carry_out(const char *line) {
    char first[100];
    const struct bw_named *by = NULL;
    const char *rest = line;
    bw_printf("%s:", line);
    if (strncmp(line, "add ", 4) == 0) {
        part(line + 6, first, &rest);
        say(bw_petname_add(&names, rest, slot_of(line[4]), first, &by), by);
    } else if (strncmp(line, "rename ", 7) == 0) {
        part(line + 7, first, &rest);
        say(bw_petname_rename(&names, first, rest, &by), by);
    } else if (strncmp(line, "remove ", 7) == 0) bw_printf(" %d", bw_petname_remove(&names, line + 7));
    else if (strncmp(line, "find ", 5) == 0) show(bw_petname_find(&names, line + 5));
    else if (strncmp(line, "of ", 3) == 0) show(bw_petname_of(&names, slot_of(line[3])));
    else if (strncmp(line, "like ", 5) == 0) show(bw_petname_like(&names, line + 5));
    bw_puts("");
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    /* a, b: two badges of one endpoint; c: a copy of a; d: another object; e: the same with fewer rights; f: nothing. g, h: more. */
    for (bw_cptr i = 0; i < 8; i++) (void)bw_cnode_mint(BW_SLOT_CNODE, SLOT_MADE + i, BW_SLOT_CNODE, BW_SLOT_SERVICE, BW_RIGHT_WRITE, i + 1);
    for (bw_cptr i = 2; i < 6; i++) (void)bw_cnode_delete(BW_SLOT_CNODE, SLOT_MADE + i);
    (void)bw_cnode_copy(BW_SLOT_CNODE, SLOT_MADE + 2, BW_SLOT_CNODE, SLOT_MADE, BW_ALL_RIGHTS);
    (void)bw_cnode_copy(BW_SLOT_CNODE, SLOT_MADE + 3, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_ALL_RIGHTS);
    (void)bw_cnode_copy(BW_SLOT_CNODE, SLOT_MADE + 4, BW_SLOT_CNODE, BW_SLOT_NOTIFICATION, BW_RIGHT_WRITE);
    const char *line;
    for (uint32_t i = 0; (line = bw_arg_at("do", i)) != NULL; i++) carry_out(line);
    bw_flush();
    return 0;
}
