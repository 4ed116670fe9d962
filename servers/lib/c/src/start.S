/* Start of a machine program: sp is set, a0 = address of the IPC buffer, a1 = of the arguments; memory is as the ELF file says, everything else is 0. */
    .section .text.start, "ax", @progbits
    .globl _start
_start:
    .option push
    .option norelax             /* gp is not there yet to be relaxed to */
    la gp, __global_pointer$
    .option pop
    mv tp, a0                   /* bw_ipc() reads it back */
    la t0, bw_arguments
    sd a1, (t0)
    li a0, 0                    /* main has no arguments: a program is told by its uses what it was given */
    li a1, 0
    call main
    tail bw_exit                /* a0 = main's result */
