/* Linux's Image header, so that the VMM's loader takes it; the entry; the way into traps. Links with guests/bare/guest.ld. */
    .section .head, "ax", @progbits
    .option push
    .option norvc
    j start
    .option pop
    .balign 8
    .quad 0x200000              /* text_offset */
    .quad _end - _image
    .quad 0
    .word 2
    .word 0
    .quad 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .word 0

    .text
    .globl start
start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, _stack_top
    la t0, trap_entry
    csrw stvec, t0
    csrw sie, zero
    call guest_main
    tail power_off

    .balign 4
    .globl trap_entry
trap_entry:
    addi sp, sp, -256
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, 8*\n(sp)
    .endr
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    mv a3, ra
    call handle
    csrw sepc, a0
    .irp n, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, 8*\n(sp)
    .endr
    addi sp, sp, 256
    sret
