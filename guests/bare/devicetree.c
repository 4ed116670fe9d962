/*
 * devicetree.c: reads what the guest needs of a flattened device tree in one pass. It expects what every such machine has: two cells for an address
 * and a size. Whatever a token or a length says, nothing outside the tree's own bytes is read. Source: Devicetree Specification 0.4, chapter 5.
 */
#include "guest.h"

enum { MAGIC = 0xd00dfeed, TOKEN_BEGIN = 1, TOKEN_END = 2, TOKEN_PROPERTY = 3, TOKEN_NOP = 4, TOKEN_LAST = 9 };
enum { MOST_DEPTH = 8, HEADER_BYTES = 40, SUPERVISOR_EXTERNAL = 9 };
/* A tree of more than this is damaged. */
static const uint64_t MOST_BYTES = 1 << 20;

struct property {
    const char *name;
    const uint8_t *value;
    uint32_t length;
};

/* What is noted of a node until it ends; properties come in any order. */
struct node {
    const char *name;
    const uint8_t *reg;
    uint32_t reg_bytes;
    const char *compatible;
    uint32_t compatible_bytes;
    uint32_t interrupt;
    uint32_t context;
};

static uint32_t cell(const uint8_t *at) { return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]; }
static uint64_t cells(const uint8_t *at) { return (uint64_t)cell(at) << 32 | cell(at + 4); }
/* A number of one or two cells. */
static uint64_t value(const struct property *p) { return p->length >= 8 ? cells(p->value) : p->length >= 4 ? cell(p->value) : 0; }

static bool compatible(const struct node *n, const char *with) {
    for (uint32_t at = 0; at < n->compatible_bytes; at += (uint32_t)strlen(&n->compatible[at]) + 1) {
        if (strcmp(&n->compatible[at], with) == 0) return true;
    }
    return false;
}

/* The context of the first hart's supervisor mode: contexts are numbered as the pairs (hart's controller, cause) stand. */
static uint32_t supervisor_context(const struct property *p) {
    for (uint32_t i = 0; i + 8 <= p->length; i += 8) {
        if (cell(&p->value[i + 4]) == SUPERVISOR_EXTERNAL) return i / 8;
    }
    return 0;
}

static void note(struct node *n, const struct property *p, struct machine *m) {
    const bool is_text = p->length > 0 && p->value[p->length - 1] == '\0';
    if (strcmp(p->name, "reg") == 0) {
        n->reg = p->value;
        n->reg_bytes = p->length;
    } else if (strcmp(p->name, "compatible") == 0 && is_text) {
        n->compatible = (const char *)p->value;
        n->compatible_bytes = p->length;
    } else if (strcmp(p->name, "interrupts") == 0 && p->length >= 4) {
        n->interrupt = cell(p->value);
    } else if (strcmp(p->name, "interrupts-extended") == 0) {
        n->context = supervisor_context(p);
    } else if (strcmp(p->name, "timebase-frequency") == 0) {
        m->timebase = (uint32_t)value(p);
    } else if (strcmp(n->name, "chosen") == 0) {
        if (strcmp(p->name, "bootargs") == 0 && is_text) m->bootargs = (const char *)p->value;
        if (strcmp(p->name, "linux,initrd-start") == 0) m->initrd = value(p);
        if (strcmp(p->name, "linux,initrd-end") == 0) m->initrd_end = value(p);
    }
}

static void finish(const struct node *n, struct machine *m) {
    if (n->reg == NULL || n->reg_bytes < 16) return;
    const uint64_t address = cells(n->reg);
    if (starts(n->name, "memory@")) {
        m->ram = address;
        m->ram_bytes = cells(n->reg + 8);
    } else if (compatible(n, "ns16550a")) {
        m->uart = address;
        m->uart_irq = n->interrupt;
    } else if (compatible(n, "sifive,plic-1.0.0") || compatible(n, "riscv,plic0")) {
        m->plic = address;
        m->plic_context = n->context;
    } else if (compatible(n, "virtio,mmio")) {
        virtio_found(address);
    }
}

static bool ends_inside(const uint8_t *tree, uint32_t at, uint32_t total) {
    while (at < total && tree[at] != '\0') at++;
    return at < total;
}

bool devicetree_read(uint64_t address, struct machine *m) {
    const uint8_t *tree = (const uint8_t *)address;
    *m = (struct machine){.tree = address, .timebase = 10000000, .bootargs = ""};
    if (address == 0 || address % 8 != 0 || cell(tree) != MAGIC) return false;
    const uint32_t total = cell(tree + 4), structs = cell(tree + 8), strings = cell(tree + 12);
    if (total < HEADER_BYTES || total > MOST_BYTES || structs >= total || strings >= total) return false;
    m->tree_bytes = total;
    struct node open[MOST_DEPTH] = {0};
    uint32_t depth = 0;
    for (uint32_t at = structs; at + 4 <= total;) {
        const uint32_t token = cell(tree + at);
        at += 4;
        if (token == TOKEN_LAST) return depth == 0;
        if (token == TOKEN_NOP) continue;
        if (token == TOKEN_BEGIN) {
            if (depth == MOST_DEPTH || !ends_inside(tree, at, total)) return false;
            const char *name = (const char *)tree + at;
            open[depth++] = (struct node){.name = name};
            at = (at + (uint32_t)strlen(name) + 4) & ~3U;
        } else if (token == TOKEN_END) {
            if (depth == 0) return false;
            finish(&open[--depth], m);
        } else if (token == TOKEN_PROPERTY) {
            if (depth == 0 || at + 8 > total) return false;
            const uint32_t length = cell(tree + at), name = cell(tree + at + 4);
            if (length > total - at - 8 || name >= total - strings || !ends_inside(tree, strings + name, total)) return false;
            const struct property p = {.name = (const char *)tree + strings + name, .value = tree + at + 8, .length = length};
            note(&open[depth - 1], &p, m);
            at += (8 + length + 3) & ~3U;
        } else {
            return false;
        }
    }
    return false;
}
