// Pairs whose messages are more than four words: capabilities, and as many words as a message can have. For the IPC figures.
import { IpcBuffer, MAX_WORDS, toInfo } from "../../caps/abi/message.ts";
import { Invocation, Kind, Syscall } from "../../caps/abi/numbers.ts";
import { deleteSlot } from "../../core/kernel/capabilities.ts";
import { BUFFER, RADIX, type Program, type Testbed } from "../support/testbed.ts";
import { pairTexts, PRIORITY, realPair, type Pair, type PairOptions } from "./pairs.ts";

const CAPS = 3;
/** The client sends what is in three slots from SENT on; the server takes them in the CNode of slot CNODE, from TAKEN on. */
const CNODE = 1, SENT = 20, TAKEN = 20;
const KEPT_BITS = 16;
const LAST = IpcBuffer.WORDS + MAX_WORDS - 1;

const server = (testbed: Testbed, text: Uint8Array): Program => testbed.program("server", text, PRIORITY);
const wordAt = ({ buffer }: Program, index: number): number => buffer / 4 + 2 * index;
const setBuffer = ({ k }: Testbed, p: Program, index: number, value: number): void => void (k.ram32[wordAt(p, index)] = value);

/** 120 words each way. The last one goes up too, in the server's buffer, so that it tells of every copy. */
export const longPair = (): Pair =>
  realPair(
    server,
    ({ k }, client) => ({
      words: MAX_WORDS,
      check: (calls) => {
        const last = k.ram32[wordAt(client, LAST)];
        return last === calls ? undefined : `the last word of the answer is ${last} after ${calls} calls`;
      },
    }),
    pairTexts({ words: MAX_WORDS, work: `li t1, ${BUFFER + 8 * LAST}\n ld t0, 0(t1)\n addi t0, t0, 1\n sd t0, 0(t1)\n addi a2, a2, 1` }),
  );

/** What arrived, as the info word has it: 3 when all capabilities were taken and none unwrapped. The first word of the answer grows by that. */
const COUNTED = "srli t0, a1, 7\n andi t0, t0, 31\n add a2, a2, t0";

/** Three capabilities in each call, which the server deletes before it answers. */
export function capsPair(): Pair {
  const words = ["a2", "a3", "a4", "a5"], kept = ["s4", "s5", "s6", "s7"];
  const deletion = (slot: number): string => `li a7, ${Syscall.Call}\n li a0, ${CNODE}\n li a1, ${toInfo(Invocation.CNodeDelete, 1)}\n li a2, ${BigInt(slot) + (32n << 32n)}\n ecall`;
  const work = [
    COUNTED,
    ...words.map((word, i) => `mv ${kept[i]}, ${word}`),
    ...Array.from({ length: CAPS }, (_, i) => deletion(TAKEN + i)),
    ...words.map((word, i) => `mv ${word}, ${kept[i]}`),
  ].join("\n ");
  return realPair(
    server,
    (testbed, client, receiver) => {
      offer(testbed, client);
      testbed.give(receiver, CNODE, receiver.rows.cnode, undefined, (32 - RADIX) * 2 ** 32);
      receiveAt(testbed, receiver, TAKEN, 32);
      return { gain: CAPS };
    },
    pairTexts({ caps: CAPS, work }),
  );
}

/** The same, but the server keeps them: it takes each message's in slots of their own, which are emptied from outside when all are full. */
export const keptCapsPair = (): Pair =>
  realPair(
    server,
    (testbed, client, receiver): PairOptions => {
      const { k } = testbed, large = testbed.make(Kind.CNode, KEPT_BITS + 5), { first } = k.cnodes[testbed.object(large)]!;
      offer(testbed, client);
      testbed.give(receiver, CNODE, large);
      receiveAt(testbed, receiver, 0, KEPT_BITS);
      const tidy = (): void => {
        for (let slot = first; slot < first + 2 ** KEPT_BITS; slot++) deleteSlot(k, slot);
        setBuffer(testbed, receiver, IpcBuffer.RECEIVE_INDEX, 0);
      };
      return { gain: CAPS, stretch: Math.floor(2 ** KEPT_BITS / CAPS), tidy };
    },
    pairTexts({ caps: CAPS, work: `${COUNTED}\n li t1, ${BUFFER + 8 * IpcBuffer.RECEIVE_INDEX}\n ld t0, 0(t1)\n addi t0, t0, ${CAPS}\n sd t0, 0(t1)` }),
  );

/** Three notifications to send. */
function offer(testbed: Testbed, client: Program): void {
  for (let i = 0; i < CAPS; i++) setBuffer(testbed, client, IpcBuffer.CAPS + i, testbed.give(client, SENT + i, testbed.make(Kind.Notification, 6)));
}

function receiveAt(testbed: Testbed, p: Program, index: number, depth: number): void {
  const words = [[IpcBuffer.RECEIVE_COUNT, CAPS], [IpcBuffer.RECEIVE_CNODE, CNODE], [IpcBuffer.RECEIVE_INDEX, index], [IpcBuffer.RECEIVE_DEPTH, depth]] as const;
  for (const [word, value] of words) setBuffer(testbed, p, word, value);
}
