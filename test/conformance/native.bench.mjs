// What a trap costs: same address space, two bound address spaces, and more address spaces than engines. Run it with
//   node test/conformance/native.bench.mjs [addon.node]
// It loads the addon directly, without the TypeScript layer, so that it can compare two builds of it.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const path = process.argv[2] ?? process.env.BAILIWICK_ADDON ?? fileURLToPath(new URL("../../core/machine/native/build/Release/bailiwick.node", import.meta.url));
const native = createRequire(import.meta.url)(path);
const RAM = 0x8000_0000, WORDS = 72, TRAPS = 400_000;

/**
 * @param {number} spaces
 * @param {number} engines
 */
function prepare(spaces, engines) {
  const m = native.machineCreate(64 << 20, spaces, spaces, engines, 0, false);
  const u64 = new BigUint64Array(m.ram), u32 = new Uint32Array(m.ram), frames = new BigUint64Array(m.frames);
  const at = (/** @type {number} */ phys) => (phys - RAM) / 8;
  // each space: va 0x1000 text, 0x2000 stack, 0x3000 data; the loop is { store, load, ecall, load, jump }
  for (let s = 0; s < spaces; s++) {
    const root = RAM + s * 0x10000;
    const next = (/** @type {number} */ page) => (BigInt(page) / 4096n) << 10n;
    u64[at(root)] = next(root + 4096) | 1n;
    u64[at(root + 4096)] = next(root + 8192) | 1n;
    for (const page of [1, 2, 3]) u64[at(root + 8192) + page] = next(root + 8192 + page * 4096) | (page === 1 ? 0xdbn : 0xd7n);
    u32.set([0x00113023, 0x0001b283, 0x00000073, 0x00013083, 0xff1ff06f], at(root + 0x3000) * 2);
    native.bindSpace(m.handle, s, root);
    frames[s * WORDS] = 0x1000n;
    frames[s * WORDS + 2] = 0x2800n;
    frames[s * WORDS + 3] = 0x3800n;
    frames[s * WORDS + 65] = BigInt(s);
  }
  return { m, words: new Uint32Array(m.frames), control: new Float64Array(m.control, 0, 32) };
}

/**
 * @param {string} name
 * @param {number} spaces
 * @param {number} engines
 * @param {(count: number, words: Uint32Array) => number} choose the next frame
 */
function measure(name, spaces, engines, choose, traps = TRAPS) {
  const { m, words, control } = prepare(spaces, engines);
  const rounds = [];
  for (let round = 0; round < 5; round++) {
    let count = 0;
    const start = process.hrtime.bigint();
    native.run(m.handle, 0, () => (++count >= traps ? -1 : choose(count, words)));
    rounds.push(Number(process.hrtime.bigint() - start) / traps);
  }
  console.log(`${name.padEnd(46)} ${Math.min(...rounds).toFixed(0).padStart(6)} ns  (rebinds ${control[4]})`);
  native.machineClose(m.handle);
}

console.log(`libunicorn ${native.version().string}, Node ${process.version}`);
measure("same space, empty handler", 1, 1, () => 0);
measure("two spaces, empty handler", 2, 2, (n) => n & 1);
measure("two spaces, handler copies 4 words", 2, 2, (n, words) => {
  const to = n & 1, from = (1 - to) * 2 * WORDS, into = to * 2 * WORDS;
  for (let i = 24; i < 32; i++) words[into + i] = words[from + i] ?? 0;
  return to;
});
measure("64 spaces on 16 engines, round robin", 64, 16, (n) => n % 64, TRAPS / 4);
