// servers/lib/ts/nic.ts and nicport.ts without a machine: against each other, the port against clients that ask for anything, the client against drivers that answer anything.
// FUZZ_RUNS=N for longer; a failure names its seed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Right } from "../../caps/abi/numbers.ts";
import { NIC_LEAST_FRAME, NIC_MOST_FRAME, NIC_ROOMS, NIC_WINDOW_BYTES, NicOperation, NicResult } from "../../servers/nic/protocol.ts";
import { runs } from "../model/runs.ts";
import { finish, NicBed, WINDOW } from "../support/nic-bed.ts";

const frameOf = (number: number, bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => number * 31 + i);
const lengths = fc.integer({ min: NIC_LEAST_FRAME, max: NIC_MOST_FRAME });

interface Ends {
  readonly bed: NicBed;
  readonly came: Uint8Array[];
  readonly sent: Uint8Array[];
  turnClient(): void;
  turnPort(ready?: () => boolean): boolean;
}
function ends(): Ends {
  const bed = new NicBed(), came: Uint8Array[] = [], sent: Uint8Array[] = [];
  return {
    bed, came, sent,
    turnClient: () => finish(bed.client.turn({ came: (frame) => void came.push(frame), drained: () => undefined })),
    turnPort: (ready = () => true) => finish(bed.port.turn({ ready, sent: (frame) => void sent.push(frame) })),
  };
}

describe("client and port", () => {
  const steps = fc.oneof(
    fc.record({ step: fc.constant("send" as const), bytes: lengths }), fc.record({ step: fc.constant("deliver" as const), bytes: lengths }),
    fc.constantFrom({ step: "client" as const, bytes: 0 }, { step: "port" as const, bytes: 0 }, { step: "busy" as const, bytes: 0 }),
  );

  test("frames come out as they went in, each once and in order, whatever is done when", () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 400 }), (script) => {
        const { bed, came, sent, turnClient, turnPort } = ends(), toPort: Uint8Array[] = [], toClient: Uint8Array[] = [];
        for (const { step, bytes } of [...script, ...Array.from({ length: 6 }, (_, i) => ({ step: i % 2 === 0 ? "client" : "port", bytes: 0 }) as const)]) {
          const frame = frameOf(toPort.length + toClient.length, bytes);
          if (step === "send" && bed.client.ready()) {
            toPort.push(frame);
            bed.client.send(frame);
          } else if (step === "deliver" && bed.port.deliver(frame)) toClient.push(frame);
          else if (step === "client") turnClient();
          else if (step === "busy") turnPort(() => false);
          else if (step === "port") while (turnPort()) continue;
        }
        expect(sent).toEqual(toPort);
        expect(came).toEqual(toClient);
      }),
      runs(100),
    );
  });

  test("neither keeps more than it has room for", () => {
    const { bed, turnClient, turnPort, came } = ends();
    const all = (put: () => boolean): number => {
      let count = 0;
      while (put() && count < 1000) count++;
      return count;
    };
    expect(all(() => bed.client.ready() && (bed.client.send(frameOf(1, 60)), true))).toBe(NIC_ROOMS);
    expect(all(() => bed.port.deliver(frameOf(2, 60)))).toBe(NIC_ROOMS);
    turnClient();
    // What is behind is busy: nothing is taken, so no room is known; and the frames wait.
    expect(turnPort(() => false)).toBe(false);
    turnClient();
    expect([bed.client.ready(), came.length]).toEqual([false, 0]);
    while (turnPort()) continue;
    turnClient();
    expect([bed.client.ready(), came.length]).toEqual([true, NIC_ROOMS]);
    for (const bytes of [0, NIC_LEAST_FRAME - 1, NIC_MOST_FRAME + 1]) expect(bed.port.deliver(new Uint8Array(bytes))).toBe(false);
  });
});

describe("a port's client that is hostile", () => {
  const good = { id: 7, operation: NicOperation.SEND, window: 0, offset: 0, bytes: 60 };

  test.each([
    [{ operation: 2 }], [{ operation: 2 ** 31 }], [{ bytes: 13 }], [{ bytes: 1515 }], [{ bytes: 2 ** 32 - 1 }], [{ window: 1 }], [{ window: 16 }], [{ window: 2 ** 32 - 1 }], [{ offset: NIC_WINDOW_BYTES - 59 }],
    [{ offset: 2 ** 32 - 30 }], [{ operation: NicOperation.TAKE, bytes: NIC_MOST_FRAME - 1 }], [{ operation: NicOperation.TAKE, bytes: 2048, offset: NIC_WINDOW_BYTES - 2047 }],
  ])("is told that %j makes no sense", (wrong) => {
    const { bed, sent, turnPort } = ends();
    bed.request({ ...good, ...wrong });
    bed.request(good);
    turnPort();
    expect([bed.answered(), sent.length]).toEqual([[{ id: 7, result: NicResult.BAD, bytes: 0 }, { id: 7, result: NicResult.DONE, bytes: 0 }], 1]);
  });

  test("sends from what it may read, and has frames written to what may be written", () => {
    for (const [rights, sendResult, room] of [[Right.Read, NicResult.DONE, false], [Right.Write, NicResult.BAD, true], [0, NicResult.BAD, false]] as const) {
      const { bed, turnPort } = ends();
      bed.rights = rights;
      bed.request(good);
      bed.request({ ...good, id: 8, operation: NicOperation.TAKE, bytes: 2048 });
      bed.port.deliver(frameOf(1, 100));
      turnPort();
      expect(bed.answered()).toEqual([{ id: 7, result: sendResult, bytes: 0 }, { id: 8, ...(room ? { result: NicResult.DONE, bytes: 100 } : { result: NicResult.BAD, bytes: 0 }) }]);
    }
  });

  test("that takes its window back gets its rooms back empty, and frames go to none of them", () => {
    const { bed, turnPort } = ends();
    for (let id = 0; id < 3; id++) bed.request({ ...good, id, operation: NicOperation.TAKE, bytes: 2048, offset: id * 2048 });
    turnPort();
    bed.rights = 0;
    bed.port.deliver(frameOf(1, 100));
    turnPort();
    expect(bed.answered()).toEqual([0, 1, 2].map((id) => ({ id, result: NicResult.FAILED, bytes: 0 })));
    expect(bed.bytes.subarray(WINDOW).every((byte) => byte === 0)).toBe(true);
  });

  test("has no 65th room, and as many answers owed to it as it takes", () => {
    const { bed, turnPort, sent } = ends();
    for (let id = 0; id < 65; id++) bed.request({ ...good, id, operation: NicOperation.TAKE, bytes: 2048 });
    while (turnPort()) continue;
    expect(bed.answered()).toEqual([{ id: 64, result: NicResult.BAD, bytes: 0 }]);
    // Its ring of answers has 128 places, and 64 more may wait: the rest of its requests is not looked at.
    for (let round = 0; round < 10; round++) {
      while (bed.request(good)) continue;
      for (let i = 0; i < 10 && turnPort(); i++) continue;
    }
    expect(sent.length).toBe(128 + 64);
    expect(bed.answered().length).toBe(128);
    while (turnPort()) continue;
    expect(sent.length).toBeGreaterThan(128 + 64);
  });

  test("can ask for anything: what is behind gets frames of its window alone, and nothing is written but frames in rooms", () => {
    const words = fc.oneof(fc.nat(3), fc.nat({ max: 2 ** 32 - 1 }), fc.constantFrom(14, 60, 1514, 2048, NIC_WINDOW_BYTES, NIC_WINDOW_BYTES - 1514, 2 ** 32 - 14));
    const request = fc.record({ id: words, operation: words, window: words, offset: words, bytes: words });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 100 }), (requests) => {
        const { bed, sent, turnPort } = ends();
        for (const one of requests) {
          bed.request(one);
          bed.port.deliver(frameOf(3, 200));
          while (turnPort()) continue;
          bed.answered();
        }
        for (const frame of sent) expect(frame.length >= NIC_LEAST_FRAME && frame.length <= NIC_MOST_FRAME).toBe(true);
      }),
      runs(200),
    );
  });

  test("that spoils its rings is left alone", () => {
    const { bed, turnPort, sent } = ends();
    bed.bytes.fill(0xff, 0, 192);
    expect([turnPort(), bed.driver.in.over, sent.length]).toEqual([false, "Corrupt", 0]);
  });
});

describe("a client's driver that is hostile", () => {
  test("has answers to what was asked taken, once, and frames of 14 to 1514 bytes", () => {
    const { bed, came, turnClient } = ends();
    turnClient();
    const asked = bed.asked();
    expect(asked).toHaveLength(NIC_ROOMS);
    const [first, second, third] = asked as [(typeof asked)[0], (typeof asked)[0], (typeof asked)[0]];
    bed.answer({ id: first.id, result: NicResult.DONE, bytes: 100 });
    for (const bytes of [50, 60]) bed.answer({ id: first.id, result: NicResult.DONE, bytes });
    bed.answer({ id: second.id, result: NicResult.DONE, bytes: 13 });
    bed.answer({ id: third.id, result: NicResult.DONE, bytes: 2 ** 32 - 1 });
    for (const id of [128, 2 ** 32 - 1, NIC_ROOMS]) bed.answer({ id, result: NicResult.DONE, bytes: 60 });
    turnClient();
    expect(came.map((frame) => frame.length)).toEqual([100]);
    // Its rooms are lent again, each once.
    expect(bed.asked().map(({ id }) => id).toSorted((a, b) => a - b)).toEqual([first, second, third].map(({ id }) => id).toSorted((a, b) => a - b));
  });

  test("can answer anything: places are with it or with the client, and what is sent next is not written over", () => {
    const answer = fc.record({ id: fc.oneof(fc.nat(140), fc.nat({ max: 2 ** 32 - 1 })), result: fc.nat(3), bytes: fc.oneof(fc.nat(2000), fc.nat({ max: 2 ** 32 - 1 })) });
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 300 }), (answers) => {
        const { bed, came, turnClient } = ends(), out = new Map<number, number>();
        for (const one of answers) {
          if (bed.client.ready()) bed.client.send(frameOf(1, 60));
          turnClient();
          for (const { id, offset, bytes, window } of bed.asked()) {
            expect([out.has(id), window, offset + bytes <= NIC_WINDOW_BYTES]).toEqual([false, 0, true]);
            out.set(id, offset);
          }
          bed.answer(one);
          turnClient();
          out.delete(one.id);
        }
        for (const frame of came) expect(frame.length >= NIC_LEAST_FRAME && frame.length <= NIC_MOST_FRAME).toBe(true);
      }),
      runs(100),
    );
  });

  test("that gives every room back at once is asked for a while, and not for ever; the next frame that is sent asks again", () => {
    const { bed, turnClient } = ends();
    let rounds = 0, asked: { id: number }[] = [];
    for (turnClient(); rounds < 100 && (asked = bed.asked()).length > 0; rounds++) {
      for (const { id } of asked) bed.answer({ id, result: NicResult.FAILED });
      turnClient();
    }
    expect(rounds).toBe(16);
    turnClient();
    expect(bed.asked()).toEqual([]);
    bed.client.send(frameOf(1, 60));
    turnClient();
    expect(bed.asked().length).toBeGreaterThan(1);
  });

  test("that closes or spoils its rings leaves a client that says so, and loses what is sent", () => {
    for (const spoil of [(bed: NicBed) => finish(bed.driver.in.close()), (bed: NicBed) => void bed.bytes.fill(0xee, 0, 128)]) {
      const { bed, turnClient } = ends();
      turnClient();
      spoil(bed);
      bed.client.send(frameOf(1, 60));
      turnClient();
      expect([bed.client.over, bed.client.ready()]).toEqual([true, true]);
      for (let i = 0; i < 200; i++) bed.client.send(frameOf(1, 60));
    }
  });
});
