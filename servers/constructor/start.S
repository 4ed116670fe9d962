/*
 * start.S: the first instructions of a product, in a page that all products share. It copies what the program has as initialised data from the file's pages into
 * its own, which the constructor never touches (I3), and goes on to the program's entry.
 *
 * At entry: sp is set, a0 = address of the IPC buffer, a1 = of the arguments, a2 = of the table: destination, source and bytes of each piece; the last one has
 * 0 bytes, and the entry point as its destination. All other registers are 0, and so they are at the program's entry.
 */
    .section .rodata.product_start, "a", @progbits
    .balign 8
    .globl product_start
product_start:
1:  ld t0, 0(a2)
    ld t1, 8(a2)
    ld t2, 16(a2)
    addi a2, a2, 24
    beqz t2, 5f
    or t3, t0, t1
    andi t3, t3, 7
    bnez t3, 4f
    li t4, 8
2:  bltu t2, t4, 3f
    ld t3, 0(t1)
    sd t3, 0(t0)
    addi t1, t1, 8
    addi t0, t0, 8
    addi t2, t2, -8
    j 2b
3:  beqz t2, 1b
4:  lbu t3, 0(t1)
    sb t3, 0(t0)
    addi t1, t1, 1
    addi t0, t0, 1
    addi t2, t2, -1
    bnez t2, 4b
    j 1b
5:  li t1, 0
    li t2, 0
    li t3, 0
    li t4, 0
    li a2, 0
    jr t0
    .globl product_start_end
product_start_end:
