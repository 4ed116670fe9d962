// A short run of the fuzz in each test run; the long one is `npm run fuzz`. And what only a seed that is a run can show: that it is one, that the addon's
// calls are the kernel's, and that a kernel that was saved goes on as it would have.
import { afterEach, describe, expect, test } from "vitest";
import { KernelPanic } from "../../caps/model/panic.ts";
import { translate } from "../../core/kernel/objects/vspace.ts";
import { pack, unpack } from "../../core/kernel/container.ts";
import { fingerprint, load, save, SavedStateError } from "../../core/kernel/save.ts";
import { CONTROL } from "../../core/machine/shared.ts";
import type { BoardMachine } from "../../core/machine/machine.ts";
import { openQuietMachine } from "../bench/pairs.ts";
import { attack } from "./attack.ts";
import { programs } from "./program.ts";
import { Random } from "./random.ts";
import { RAM_BYTES, World } from "./world.ts";

const opened: BoardMachine[] = [];
function machine(): BoardMachine {
  const board = openQuietMachine(RAM_BYTES, "blocks");
  opened.push(board);
  return board;
}
afterEach(() => opened.splice(0).forEach((board) => board.close()));

const seed = Number(process.env["FUZZ_SEED"] ?? 20261126);
const same = (a: World, b: World): boolean => Buffer.compare(fingerprint(a.k), fingerprint(b.k)) === 0;

test(`FUZZ 001 hostile programs break nothing and nobody (seed ${seed})`, { timeout: 180_000 }, async () => {
  const result = await attack({ calls: 150_000, seed, check: 16, from: Number.MAX_SAFE_INTEGER, fast: true });
  expect(result.failure).toBeNull();
  expect(result.epochs).toBeGreaterThan(3);
  // It is not noise: nearly everything is carried out at some time, and nearly every refusal met.
  const { invocations, errors, syscalls, faults } = result.tally.missing();
  expect(invocations.filter((name) => name !== "HostedControlBind")).toEqual([]);
  expect(errors.filter((name) => !["Cancelled", "PassiveServer", "MachineLimit", "Broken"].includes(name))).toEqual([]);
  expect([...syscalls, ...faults]).toEqual([]);
});

test("FUZZ 002 a seed is a run, and the calls that the addon carries out are those of the kernel", { timeout: 180_000 }, () => {
  const [a, b, slow] = [new World(machine(), seed), new World(machine(), seed), new World(machine(), seed)];
  const fastCalls = ({ board }: World): number => new Float64Array(board.control, 0, 8)[CONTROL.fastCalls]!, before = fastCalls(slow);
  slow.k.fast = false;
  for (let n = 1; n <= 1500; n++) {
    for (const world of [a, b, slow]) world.slice();
    if (n % 100 !== 0) continue;
    expect(same(a, b), `two runs after slice ${n}`).toBe(true);
    expect(same(a, slow), `with and without the addon's calls after slice ${n}`).toBe(true);
  }
  expect([fastCalls(a) > 10_000, fastCalls(slow)]).toEqual([true, before]);
});

test("SAVE 001 saved at any moment and loaded on another machine, it goes on exactly", { timeout: 180_000 }, () => {
  const random = new Random(seed);
  let world = new World(machine(), seed + 1);
  for (let round = 0; round < 8; round++) {
    for (let n = random.below(200); n >= 0; n--) world.slice();
    const copy = new World(machine(), 0, undefined, world);
    expect(same(world, copy), `loaded in round ${round}`).toBe(true);
    for (let n = 1; n <= 120; n++) {
      world.slice();
      copy.slice();
      if (n % 20 === 0) expect(same(world, copy), `round ${round}, ${n} slices on`).toBe(true);
    }
    // The next round goes on from the copy.
    world = copy;
  }
});

describe("SAVE what cannot be loaded is refused by name", () => {
  const refused = (change: (bytes: Uint8Array) => Uint8Array, reason: RegExp, ram = RAM_BYTES): void => {
    const bytes = save(new World(machine(), seed).k), board = openQuietMachine(ram, "blocks");
    opened.push(board);
    expect(() => load(board, change(bytes.slice()))).toThrow(SavedStateError);
    expect(() => load(board, change(bytes.slice()))).toThrow(reason);
  };
  test("002 other bytes", () => refused(() => new Uint8Array(100), /no saved state of a kernel/));
  test("003 another format", () => refused((bytes) => ((bytes[8] = 77), bytes), /format 77; this version reads format 4/));
  test("004 a bit that has changed, anywhere", () => {
    for (const at of [30, 2000, 200_000]) refused((bytes) => ((bytes[at]! ^= 4), bytes), /damaged: it does not match its checksum/);
  });
  test("005 a part that is missing", () => refused((bytes) => bytes.slice(0, bytes.length - 8), /damaged/));
  test("006 a state that no kernel can be in, and one that is no state, although the checksum is right", () => {
    const forge = (change: (data: Record<string, unknown>, arrays: Record<string, Uint8Array>) => void, reason: RegExp): void =>
      refused((bytes) => {
        const { data, arrays } = unpack(4, bytes), copies = Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name, a.slice()]));
        change(data as Record<string, unknown>, copies);
        return pack(4, { data, arrays: copies });
      }, reason);
    forge((_, arrays) => void (new Int32Array(arrays["objects.refs"]!.buffer)[3]! += 1), /not one that a kernel can be in: [A-Z]+-\d/);
    forge((data) => void (data["tcbs"] = 5), /not one that a kernel can be in/);
    forge((data) => void delete data["slots"], /not one that a kernel can be in/);
    forge((_, arrays) => void (arrays["ram.pages"] = new Uint8Array(4).fill(255)), /pages of RAM are missing/);
  });
  test("007 a machine of another size", () => refused((bytes) => bytes, /is of a machine with 134217728 bytes of RAM; this one has 67108864/, 64 << 20));
});

describe("FUZZ the harness sees what is wrong", () => {
  test("003 a victim that gets a wrong answer", () => {
    const world = new World(machine(), seed), { k } = world;
    // The server adds two instead of one.
    const at = translate(k, world.victims.server.vspace, programs().label("sum"), 0);
    k.ram8[at - k.machine.ramBase] = 0x09;
    k.machine.invalidate(at, 2);
    expect(() => { for (let n = 0; n < 100; n++) world.slice(); }).toThrow(/VICTIM-1: the client got something wrong/);
  });
  test("004 a victim that stands still", () => {
    const world = new World(machine(), seed), { tcb } = world.victims.waiter;
    world.k.notifications[tcb.blockedOn]!.head = world.k.notifications[tcb.blockedOn]!.tail = 0;
    expect(() => { for (let n = 0; n < 400; n++) world.slice(); }).toThrow(/VICTIM-2: the waiter has stood still/);
  });
  test("005 memory that does not come back", () => {
    const world = new World(machine(), seed);
    world.k.spacesUsed++;
    expect(() => { for (let n = 0; n < 700; n++) world.slice(); }).toThrow(/RENEW-2/);
  });
  test("006 an invariant", () => {
    const world = new World(machine(), seed);
    world.slice();
    world.k.objects.refs[world.victims.client.tcb.id]!++;
    expect(() => world.check()).toThrow(KernelPanic);
  });
});
