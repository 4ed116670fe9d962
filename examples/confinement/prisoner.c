/*
 * prisoner.c: tries what it was not given, and counts how each attempt ends. Two kinds of ending: the kernel answers a call with an error, or the
 * thread faults and its keeper, the warden, lets it go on at probe_landing. An attempt that ends in any other way than documented is an escape.
 *
 * Everything here is done with what every program has: its uses (console, warden) and the slots of BW_SLOT_...
 */
#include <bailiwick.h>

#include "protocol.h"

BW_USE(console);
BW_USE(warden);

/* Slots of the upper half of the CSpace, which is the program's own. */
enum { FRAME = 140, FRAME_COPY, FRAME_READ_ONLY, FRAME_REGAINED, ENDPOINT, TCB, CONTEXT, SPARE, LAST_USED };
enum { CSPACE_SLOTS = 256, PAGE = 4096, FRAME_BITS = 12 };
/* Free pages under the page table that the IPC buffer's address has. */
enum { WINDOW = BW_ADDRESS_IPC_BUFFER + 8 * PAGE, OTHER_WINDOW = WINDOW + PAGE };
/* The manifest's default: the second thread is not held back by its priority. */
enum { OWN_PRIORITY = 100 };
/* RISC-V exception code, and the third word of a VM fault. */
enum { CAUSE_ILLEGAL = 2 };
enum { FETCH, LOAD, STORE };

/* Probes: one forbidden instruction, then ret. A fault in any of them goes on at probe_landing, where ra is still the caller's. */
__asm__("    .text\n"
        "    .globl probe_landing, probe_load, probe_store, probe_fetch\n"
        "probe_load:    lbu t0, (a0)\n"
        "    ret\n"
        "probe_store:   sb zero, (a0)\n"
        "    ret\n"
        "probe_fetch:   jr a0\n"
        "probe_landing: ret\n");
void probe_landing(void);
void probe_load(uint64_t address);
void probe_store(uint64_t address);
void probe_fetch(uint64_t address);

#define INSTRUCTION(name, text)                                      \
    __asm__("    .text\n    .globl " #name "\n" #name ": " text "\n" \
            "    ret\n");                                            \
    void name(void);
INSTRUCTION(probe_satp, "csrw satp, zero")
INSTRUCTION(probe_sstatus, "csrr t0, sstatus")
INSTRUCTION(probe_mstatus, "csrr t0, mstatus")
INSTRUCTION(probe_sret, "sret")
INSTRUCTION(probe_mret, "mret")
INSTRUCTION(probe_fence, "sfence.vma")
INSTRUCTION(probe_time, "rdtime t0")
INSTRUCTION(probe_zero, ".4byte 0")
INSTRUCTION(probe_break, ".option push\n .option norvc\n ebreak\n .option pop")

static const char constant[] = "a constant";
static uint64_t variable = 1;

static struct {
    unsigned tried;
    unsigned denied;
} count;

static void verdict(const char *what, bool as_documented, const char *how) {
    count.tried++;
    if (as_documented) count.denied++;
    bw_printf("%s  %-52s %s\n", as_documented ? "denied " : "ESCAPED", what, how);
}

/* The kernel's answer must be this error. */
static void refused(const char *what, bw_err got, bw_err expected) { verdict(what, got == expected, bw_error_name(got)); }

static struct bw_msg last_fault(void) { return bw_call(bw_use_warden.cap, bw_info(WARDEN_LAST_FAULT, 0, 0), 0, 0, 0, 0); }

/* The warden must have been told of this fault, and nothing else. */
static void faulted(const char *what, uint32_t fault, uint64_t detail, uint64_t access) {
    const struct bw_msg m = last_fault();
    const bool right = m.w[0] == fault && m.w[1] == detail && (fault != BW_FAULT_VM_FAULT || m.w[2] == access);
    verdict(what, right, m.w[0] == 0 ? "nothing happened" : bw_fault_name((uint32_t)m.w[0]));
}

static void load(const char *what, uint64_t address) {
    probe_load(address);
    faulted(what, BW_FAULT_VM_FAULT, address, LOAD);
}
static void store(const char *what, uint64_t address) {
    probe_store(address);
    faulted(what, BW_FAULT_VM_FAULT, address, STORE);
}
static void fetch(const char *what, uint64_t address) {
    probe_fetch(address);
    faulted(what, BW_FAULT_VM_FAULT, address, FETCH);
}
static void illegal(const char *what, void (*probe)(void)) {
    probe();
    const struct bw_msg m = last_fault();
    verdict(what, m.w[0] == BW_FAULT_USER_EXCEPTION && m.w[1] == CAUSE_ILLEGAL, bw_fault_name((uint32_t)m.w[0]));
}

static void try_addresses(void) {
    bw_puts("addresses");
    load("load from address 0", 0);
    load("load from below the program", BW_ADDRESS_TEXT - 1);
    store("store to its own instructions", (uintptr_t)probe_landing);
    store("store to its own constants", (uintptr_t)constant);
    fetch("execute its own data", (uintptr_t)&variable);
    fetch("execute its own constants", (uintptr_t)constant & ~1UL);
    fetch("execute its own stack", BW_ADDRESS_STACK_TOP - 64);
    fetch("execute its own IPC buffer", BW_ADDRESS_IPC_BUFFER);
    load("load from the page below the stack", BW_ADDRESS_STACK_TOP - 64 * 1024 - 8);
    store("store to the page above the stack", BW_ADDRESS_STACK_TOP);
    load("load from where devices are mapped for drivers", BW_ADDRESS_REGIONS);
    store("store to the serial line's physical address", 0x10000000);
    store("store to the entropy device's physical address", 0x10001000);
    store("store to the operator channel's physical address", 0x10002000);
    load("load from the first byte of RAM", 0x80000000);
    store("store to RAM where the kernel's tables may be", 0x80200000);
    load("load from where guests' RAM is mapped for a VMM", 0x1000000000);
    load("load from the last user address", 0x3fffffffff);
    load("load from the first address beyond", 0x4000000000);
    store("store to the kernel's half", 0xffffffff80000000);
    fetch("execute the kernel's half", 0xffffffff80000000);
    load("load from the last address there is", UINT64_MAX);
}

static void try_instructions(void) {
    bw_puts("instructions");
    illegal("change the page table (satp)", probe_satp);
    illegal("read supervisor state (sstatus)", probe_sstatus);
    illegal("read machine state (mstatus)", probe_mstatus);
    illegal("return from a trap (sret)", probe_sret);
    illegal("return from a trap (mret)", probe_mret);
    illegal("flush translations (sfence.vma)", probe_fence);
    illegal("read the time (rdtime)", probe_time);
    illegal("an instruction that is none", probe_zero);
    probe_break();
    const struct bw_msg m = last_fault();
    verdict("a breakpoint without a debugger", m.w[0] == BW_FAULT_BREAKPOINT, bw_fault_name((uint32_t)m.w[0]));
    (void)bw_trap(11, 0, 0, 0, 0, 0, 0, 0);
    faulted("a system call that is none", BW_FAULT_UNKNOWN_SYSCALL, 11, 0);
    (void)bw_trap(UINT64_MAX, 0, 0, 0, 0, 0, 0, 0);
    faulted("another one", BW_FAULT_UNKNOWN_SYSCALL, UINT64_MAX, 0);
}

static bw_err call_error(bw_cptr cap) {
    const struct bw_msg m = bw_call(cap, bw_info(BW_INFO_LABEL_MASK, 0, 0), 0, 0, 0, 0);
    return bw_error(&m);
}

static bool was_given(bw_cptr slot) {
    return (slot >= BW_SLOT_CNODE && slot <= BW_SLOT_IPC_BUFFER) || slot == BW_SLOT_DISCRIM || slot == BW_SLOT_PARENT || slot == bw_use_console.cap || slot == bw_use_warden.cap || (slot >= FRAME && slot < LAST_USED);
}

static void try_slots(void) {
    static const bw_cptr beyond[] = {CSPACE_SLOTS, CSPACE_SLOTS + BW_SLOT_CNODE, 0x10000, 0x80000000, UINT32_MAX, 1UL << 32 | BW_SLOT_CNODE, UINT64_MAX};
    unsigned empty = 0, denied = 0;
    bw_puts("capabilities");
    refused("the slot of interrupts (IRQControl)", call_error(BW_SLOT_IRQ_CONTROL), BW_ERR_INVALID_CAPABILITY);
    refused("the slot of CPU time (SchedControl)", call_error(BW_SLOT_SCHED_CONTROL), BW_ERR_INVALID_CAPABILITY);
    refused("the slot of hosted programs (HostedControl)", call_error(BW_SLOT_HOSTED_CONTROL), BW_ERR_INVALID_CAPABILITY);
    refused("the slot of bootinfo", call_error(BW_SLOT_BOOT_INFO), BW_ERR_INVALID_CAPABILITY);
    for (bw_cptr slot = 0; slot < CSPACE_SLOTS; slot++) {
        if (was_given(slot)) continue;
        empty++;
        if (call_error(slot) == BW_ERR_INVALID_CAPABILITY && bw_signal(slot) == BW_ERR_INVALID_CAPABILITY) denied++;
    }
    bw_printf("         %u slots are empty\n", empty);
    verdict("call and signal in each of them", denied == empty, bw_error_name(BW_ERR_INVALID_CAPABILITY));
    size_t outside = 0;
    while (outside < sizeof beyond / sizeof beyond[0] && call_error(beyond[outside]) == BW_ERR_FAILED_LOOKUP) outside++;
    verdict("seven slots beyond the CSpace", outside == sizeof beyond / sizeof beyond[0], bw_error_name(BW_ERR_FAILED_LOOKUP));
    (void)bw_recv(bw_use_console.cap, BW_SLOT_REPLY);
    faulted("receive what others send to the console", BW_FAULT_CAPABILITY, bw_use_console.cap, 0);
    (void)bw_recv(BW_SLOT_PARENT, BW_SLOT_REPLY);
    faulted("receive what others send to the root server", BW_FAULT_CAPABILITY, BW_SLOT_PARENT, 0);
    (void)bw_wait(0);
    faulted("wait on an empty slot", BW_FAULT_CAPABILITY, 0, 0);
    refused("signal the console as if it were a notification", bw_signal(bw_use_console.cap), BW_ERR_INVALID_CAPABILITY);
}

static void try_copies(void) {
    const bw_cptr self = BW_SLOT_CNODE;
    bw_puts("making more of a capability");
    refused("another badge for the console", bw_cnode_mint(self, SPARE, self, bw_use_console.cap, BW_ALL_RIGHTS, 2), BW_ERR_ILLEGAL_OPERATION);
    refused("no badge for the root server's endpoint", bw_cnode_mint(self, SPARE, self, BW_SLOT_PARENT, BW_ALL_RIGHTS, 0), BW_ERR_ILLEGAL_OPERATION);
    refused("another badge by mutation", bw_cnode_mutate(self, SPARE, self, bw_use_console.cap, 2), BW_ERR_ILLEGAL_OPERATION);
    refused("a copy of an empty slot", bw_cnode_copy(self, SPARE, self, SPARE, BW_ALL_RIGHTS), BW_ERR_INVALID_CAPABILITY);
    refused("a copy from beyond the CSpace", bw_cnode_copy(self, SPARE, self, CSPACE_SLOTS + 1, BW_ALL_RIGHTS), BW_ERR_FAILED_LOOKUP);
    refused("a copy over what is there", bw_cnode_copy(self, BW_SLOT_TCB, self, BW_SLOT_VSPACE, BW_ALL_RIGHTS), BW_ERR_DELETE_FIRST);
    refused("a copy out of a CNode it does not have", bw_cnode_copy(self, SPARE, BW_SLOT_TCB, 1, BW_ALL_RIGHTS), BW_ERR_INVALID_CAPABILITY);
    refused("a second Untyped over the same memory", bw_cnode_copy(self, SPARE, self, BW_SLOT_UNTYPED, BW_ALL_RIGHTS), BW_ERR_REVOKE_FIRST);
    (void)bw_cnode_copy(self, FRAME_READ_ONLY, self, FRAME, BW_RIGHT_READ);
    (void)bw_cnode_copy(self, FRAME_REGAINED, self, FRAME_READ_ONLY, BW_ALL_RIGHTS);
    refused("writing through a read-only capability", bw_frame_map(FRAME_READ_ONLY, OTHER_WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE), BW_ERR_MISSING_RIGHT);
    refused("writing through a copy of it with all rights", bw_frame_map(FRAME_REGAINED, OTHER_WINDOW, BW_SLOT_VSPACE, BW_RIGHT_READ | BW_RIGHT_WRITE), BW_ERR_MISSING_RIGHT);
}

static void try_memory(void) {
    const bw_cptr self = BW_SLOT_CNODE, space = BW_SLOT_VSPACE;
    const uint32_t rw = BW_RIGHT_READ | BW_RIGHT_WRITE, rx = BW_RIGHT_READ | BW_MAP_EXECUTE;
    bw_puts("memory");
    refused("its frame, writable and executable", bw_frame_map(FRAME, WINDOW, space, rw | BW_MAP_EXECUTE), BW_ERR_WRITE_XOR_EXECUTE);
    (void)bw_frame_map(FRAME, WINDOW, space, rw);
    *(volatile uint64_t *)WINDOW = variable;
    refused("the same frame again, executable, elsewhere", bw_frame_map(FRAME_COPY, OTHER_WINDOW, space, rx), BW_ERR_WRITE_XOR_EXECUTE);
    refused("its frame in the kernel's half", bw_frame_map(FRAME_COPY, 0xffffffff80000000, space, rw), BW_ERR_RANGE_ERROR);
    refused("its frame off the page's boundary", bw_frame_map(FRAME_COPY, OTHER_WINDOW + 8, space, rw), BW_ERR_ALIGNMENT_ERROR);
    refused("its frame over its own instructions", bw_frame_map(FRAME_COPY, BW_ADDRESS_TEXT, space, BW_RIGHT_READ), BW_ERR_DELETE_FIRST);
    refused("its frame where it has no page table", bw_frame_map(FRAME_COPY, 0x1000000000, space, rw), BW_ERR_FAILED_LOOKUP);
    refused("a frame of 1 GiB", bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, 30, 1, self, SPARE), BW_ERR_INVALID_ARGUMENT);
    refused("more memory than it has", bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_UNTYPED, 32, 1, self, SPARE), BW_ERR_NOT_ENOUGH_MEMORY);
    refused("more objects than it has slots", bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 8, self, CSPACE_SLOTS - 4), BW_ERR_RANGE_ERROR);
    refused("objects over what is there", bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, self, BW_SLOT_CNODE), BW_ERR_DELETE_FIRST);
    refused("an interrupt out of memory", bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_IRQ_HANDLER, 0, 1, self, SPARE), BW_ERR_INVALID_ARGUMENT);
    refused("control of time out of memory", bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTROL, 0, 1, self, SPARE), BW_ERR_INVALID_ARGUMENT);
    refused("an I/O space out of memory", bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_IOSPACE, 0, 1, self, SPARE), BW_ERR_INVALID_ARGUMENT);
    refused("its frame for a device, without an I/O space", bw_iospace_map(FRAME, FRAME, 0, rw), BW_ERR_ILLEGAL_OPERATION);
}

static volatile uint64_t ran;
static uint64_t stack[64] __attribute__((aligned(16)));

static void second_thread(void) {
    ran = 1;
    for (;;) bw_yield();
}

static void try_time(void) {
    bw_puts("time and threads");
    refused("a higher priority than it may have", bw_tcb_set_priority(BW_SLOT_TCB, 255, 255, BW_SLOT_TCB), BW_ERR_RANGE_ERROR);
    refused("a longer budget by its own scheduling context", bw_invoke(BW_SLOT_SCHED_CONTEXT, BW_INV_SCHED_CONTROL_CONFIGURE, 3, BW_SLOT_SCHED_CONTEXT, 1000000, 1000000, 0), BW_ERR_ILLEGAL_OPERATION);
    refused("its own registers, from outside", bw_tcb_write_registers(BW_SLOT_TCB, 0, (const uint64_t[]){0}, 1, false), BW_ERR_ILLEGAL_OPERATION);
    refused("memory as its keeper", bw_tcb_set_space(BW_SLOT_TCB, BW_SLOT_UNTYPED, BW_SLOT_CNODE, BW_SLOT_VSPACE), BW_ERR_INVALID_CAPABILITY);
    refused("one time for two threads", bw_sched_context_bind(BW_SLOT_SCHED_CONTEXT, TCB), BW_ERR_ILLEGAL_OPERATION);

    /* A second thread it may have; but a new scheduling context holds no time, and it cannot give it any. */
    uint64_t registers[3] = {(uintptr_t)second_thread, 0, (uintptr_t)&stack[sizeof stack / sizeof stack[0]]};
    const bool made = bw_tcb_set_space(TCB, 0, BW_SLOT_CNODE, BW_SLOT_VSPACE) == 0 && bw_sched_context_bind(CONTEXT, TCB) == 0 &&
                      bw_tcb_set_priority(TCB, OWN_PRIORITY, 0, BW_SLOT_TCB) == 0 && bw_tcb_write_registers(TCB, 0, registers, 3, true) == 0;
    for (unsigned i = 0; i < 1000; i++) bw_yield();
    verdict("a second thread with time of its own making", made && ran == 0, made ? "never runs" : "could not be made");
}

static void try_forgery(void) {
    bw_puts("forgery");
    /* Whatever stands in the info word: bits above it, the error flag, a length and capabilities that are not there. */
    const uint64_t forged = bw_info(WARDEN_INSPECT, 1, 0) | BW_INFO_ERROR | 0xffffffffUL << 32;
    struct bw_msg m = bw_call(bw_use_warden.cap, forged, 42, 0, 0, 0);
    verdict("a request that looks like the kernel's error", bw_error(&m) == 0 && bw_label(&m) == 0 && m.w[3] == 42, "arrives as an ordinary request");
    verdict("a badge of its own choice", m.w[0] == bw_use_warden.badge, "arrives with the badge it was given");
    m = bw_call(bw_use_warden.cap, bw_info(WARDEN_INSPECT, 127, 0), 42, 0, 0, 0);
    verdict("a message longer than messages are", m.w[1] <= BW_MAX_WORDS, "is cut off");
    bw_ipc()->caps[0] = ENDPOINT;
    m = bw_call(bw_use_warden.cap, bw_info(WARDEN_INSPECT, 1, 1), 42, 0, 0, 0);
    verdict("a capability sent without the right to", m.w[2] == 0, "stays behind");
    m = bw_call(BW_SLOT_PARENT, bw_info(0x7fff, 0, 0), 0, 0, 0, 0);
    verdict("a request that the root server does not know", bw_error(&m) == 0 && bw_label(&m) != 0, "is refused");
}

/* What an attempt needs that is rightly the program's own. */
static bool prepare(void) {
    const bw_cptr self = BW_SLOT_CNODE;
    const struct bw_msg m = bw_call(bw_use_warden.cap, bw_info(WARDEN_GUARD, 1, 0), (uintptr_t)probe_landing, 0, 0, 0);
    return bw_error(&m) == 0 && bw_label(&m) == 0 && bw_tcb_set_space(BW_SLOT_TCB, bw_use_warden.cap, self, BW_SLOT_VSPACE) == 0 &&
           bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_FRAME, FRAME_BITS, 1, self, FRAME) == 0 && bw_cnode_copy(self, FRAME_COPY, self, FRAME, BW_ALL_RIGHTS) == 0 &&
           bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_ENDPOINT, 0, 1, self, ENDPOINT) == 0 && bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_TCB, 0, 1, self, TCB) == 0 &&
           bw_untyped_retype(BW_SLOT_UNTYPED, BW_KIND_SCHED_CONTEXT, 0, 1, self, CONTEXT) == 0;
}

int main(void) {
    bw_console_open(bw_use_console.cap);
    if (!prepare()) {
        bw_puts("could not prepare");
        return 2;
    }
    try_addresses();
    try_instructions();
    try_slots();
    try_copies();
    try_memory();
    try_time();
    try_forgery();
    bw_printf("%u attempts, %u denied as documented, %u escaped\n", count.tried, count.denied, count.tried - count.denied);
    return count.tried == count.denied ? 0 : 1;
}
