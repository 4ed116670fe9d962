/*
 * The image's header (Linux Documentation/riscv/boot-image-header), the entry point and the way into traps.
 * At entry: a0 = hart, a1 = device tree, satp = 0, interrupts off.
 */
    .section .head, "ax", @progbits
    .globl _head
_head:
    .option push
    .option norvc
    j start
    .option pop
    .balign 8
    .quad 0x200000              /* text_offset: above the start of RAM */
    .quad _end - _image         /* image_size, with what is zeroed at the start */
    .quad 0                     /* flags: little-endian */
    .word 2                     /* header version 0.2 */
    .word 0
    .quad 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .word 0

    .text
start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, _stack_top
    la t0, trap_entry
    csrw stvec, t0
    csrw sie, zero
    la t0, _bss
    la t1, _stack
1:  bgeu t0, t1, 2f
    sd zero, (t0)
    addi t0, t0, 8
    j 1b
2:  tail guest_main             /* (hart, device tree) */

/* Everything but sp is saved below the interrupted stack; there is one stack, and the guest itself is never in user mode. */
    .balign 4
trap_entry:
    addi sp, sp, -256
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, 8*\n(sp)
    .endr
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    call trap                   /* (cause, epc, tval) → where to go on */
    csrw sepc, a0
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, 8*\n(sp)
    .endr
    addi sp, sp, 256
    sret
