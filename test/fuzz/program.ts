// The machine programs of a fuzz run, in assembly: one that makes the calls of its table in an order of its own, and victims that check whatever they get
// and stop at an ebreak when it is wrong.
import { toInfo } from "../../caps/abi/message.ts";
import { Syscall } from "../../caps/abi/numbers.ts";
import { assemble, type Assembled } from "../support/assemble.ts";
import { TEXT } from "../support/testbed.ts";
import { Act, At, ENTRIES, ENTRY_BITS } from "./calls.ts";

/** Slots of the victims; a server's question carries QUESTION and is answered with ANSWER. */
export const Victim = { SERVICE: 20, REPLY: 21, NOTIFICATION: 22, PARTNER: 23 } as const;
const QUESTION = 7, ANSWER = 8;
/** Badges on the notification: its partner's, and the hostile programs'. */
export const Signal = { PARTNER: 1, HOSTILE: 2 } as const;
/** Registers by number: where a victim counts its rounds, and where a hostile thread has its random state and its IPC buffer. */
export const Register = { ROUNDS: 9, RANDOM: 18, BUFFER: 19 } as const;
/** Where the computing victim has its numbers, a page. */
export const NUMBERS = 0x2_0000 - 4096;

const BUFFER_WORD = (n: number): string => `${8 * n}(s3)`;

/** s2 is the random state, s3 the IPC buffer or 0; s0 and s1 are set anew each time, whatever somebody wrote into them. */
const HOSTILE = `
hostile:
  bnez s2, 1f
  li s2, 88172645463325252
1:
  slli t0, s2, 13
  xor s2, s2, t0
  srli t0, s2, 7
  xor s2, s2, t0
  slli t0, s2, 17
  xor s2, s2, t0
  li s0, ${At.TABLE}
  li s1, ${ENTRIES - 1}
  srli t0, s2, 20
  and t0, t0, s1
  slli t0, t0, ${ENTRY_BITS}
  add s0, s0, t0
  ld t1, 0(s0)
  bnez t1, other
  beqz s3, 2f
${[9, 10, 11].map((word, i) => `  ld t0, ${8 * word}(s0)\n  sd t0, ${BUFFER_WORD(1 + 4 + i)}`).join("\n")}
${[12, 13, 14].map((word, i) => `  ld t0, ${8 * word}(s0)\n  sd t0, ${BUFFER_WORD(122 + i)}`).join("\n")}
  ld t0, ${8 * 15}(s0)
  sd t0, ${BUFFER_WORD(0)}
${[16, 17, 18].map((word, i) => `  ld t0, ${8 * word}(s0)\n  sd t0, ${BUFFER_WORD(125 + i)}`).join("\n")}
2:
  ld a7, 8(s0)
  ld a0, 16(s0)
  ld a1, 24(s0)
  ld a2, 32(s0)
  ld a3, 40(s0)
  ld a4, 48(s0)
  ld a5, 56(s0)
  ld a6, 64(s0)
  ecall
  j hostile
other:
  ld t2, 8(s0)
  li t3, ${Act.Spin}
  beq t1, t3, spin
  li t3, ${Act.Load}
  beq t1, t3, load
  li t3, ${Act.Store}
  beq t1, t3, store
  li t3, ${Act.Jump}
  beq t1, t3, jump
  li t3, ${Act.Ebreak}
  beq t1, t3, break
  .4byte 0
  j hostile
spin:
  addi t2, t2, -1
  bgtz t2, spin
  j hostile
load:
  ld t0, 0(t2)
  j hostile
store:
  sd t2, 0(t2)
  j hostile
jump:
  jr t2
break:
  ebreak
  j hostile
`;

const VICTIMS = `
client:
  li s1, 0
1: li a7, ${Syscall.Call}
  li a0, ${Victim.SERVICE}
  li a1, ${toInfo(QUESTION, 4)}
  mv a2, s1
  slli a3, s1, 7
  not a4, s1
  li a5, -1
  ecall
  li t0, ${toInfo(ANSWER, 2)}
  bne a1, t0, wrong
  addi s1, s1, 1
  bne a2, s1, wrong
  not t0, s1
  addi t0, t0, 1
  bne a3, t0, wrong
  li a7, ${Syscall.Signal}
  li a0, ${Victim.PARTNER}
  ecall
  j 1b
server:
  li a7, ${Syscall.Recv}
  li a0, ${Victim.SERVICE}
  li a6, ${Victim.REPLY}
  ecall
2: addi s1, s1, 1
  li t0, 1
  bne a0, t0, stranger
  li t0, ${toInfo(QUESTION, 4)}
  bne a1, t0, wrong
  slli t0, a2, 7
  bne t0, a3, wrong
sum:
  addi a2, a2, 1
  mv a3, a4
  li a1, ${toInfo(ANSWER, 2)}
answer:
  li a7, ${Syscall.ReplyRecv}
  li a0, ${Victim.SERVICE}
  li a6, ${Victim.REPLY}
  ecall
  j 2b
stranger:
  li a1, 0
  j answer
waiter:
  li s1, 0
3: li a7, ${Syscall.Wait}
  li a0, ${Victim.NOTIFICATION}
  ecall
  beqz a0, wrong
  andi t0, a0, ${~(Signal.PARTNER | Signal.HOSTILE)}
  bnez t0, wrong
  addi s1, s1, 1
  j 3b
reckoner:
  li s1, 0
  li s0, ${NUMBERS}
4: li t0, 64
  mv t1, s0
  addi s1, s1, 1
5: sd s1, 0(t1)
  fcvt.d.l fa0, s1
  fcvt.l.d t2, fa0, rtz
  bne t2, s1, wrong
  ld t2, 0(t1)
  bne t2, s1, wrong
  addi t1, t1, 8
  addi t0, t0, -1
  bnez t0, 5b
  j 4b
wrong:
  ebreak
  j wrong
`;

let assembled: Assembled | undefined;
/** All of them in one text; their names are its labels, and `hostile` its beginning. */
export const programs = (): Assembled => (assembled ??= assemble(HOSTILE + VICTIMS, TEXT));

