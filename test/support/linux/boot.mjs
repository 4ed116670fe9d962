// Boots a Linux kernel on one VCPU with nothing above it but the SBI calls of this file, and says how long it took. A check of
// the native layer alone (no kernel of ours, no VMM), to be compared with other ways of running the same files.
//
//   node test/support/linux/boot.mjs IMAGE DTB INITRD [addon.node]
//
// The device tree puts RAM at 0x80000000 and the initrd at 0x88000000; test/support/linux/prepare.sh makes DTB and INITRD.
import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [image, dtb, initrd, named] = process.argv.slice(2);
if (!image || !dtb || !initrd) throw new Error("usage: boot.mjs IMAGE DTB INITRD [addon.node]");
const path = named ?? process.env.BAILIWICK_ADDON ?? fileURLToPath(new URL("../../../core/machine/native/build/Release/bailiwick.node", import.meta.url));
const native = createRequire(import.meta.url)(path);
const RAM = 0x8000_0000, BYTES = 256 << 20, KERNEL = 0x8020_0000, INITRD = 0x8800_0000, DTB = 0x8f00_0000;
const started = performance.now();
const { handle: m, ram, vcpus } = native.machineCreate(BYTES, 1, 1, 1, 1, false);
const bytes = new Uint8Array(ram);
bytes.set(readFileSync(image), KERNEL - RAM);
bytes.set(readFileSync(initrd), INITRD - RAM);
bytes.set(readFileSync(dtb), DTB - RAM);
const v = native.createVcpu(m, -1);
native.mapVcpuRam(m, v, RAM, 0, BYTES);
const words = new BigUint64Array(vcpus, 0, 128), floats = new Float64Array(vcpus, 0, 128);
words[20] = BigInt(KERNEL);
words[31] = BigInt(DTB);
words[61] = 1n;
native.writeVcpu(m, v);

const BASE = 0x10n, TIME = 0x54494d45n, RFENCE = 0x52464e43n, IPI = 0x735049n, SRST = 0x53525354n, DBCN = 0x4442434en;
const KNOWN = new Set([BASE, TIME, RFENCE, IPI, SRST, DBCN]);
const exits = { mmio: 0, sbi: 0, wfi: 0, preempted: 0 };
const sleeper = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  const reason = native.runVcpu(m, v);
  if (reason === 2) {
    exits.sbi++;
    const [a0, a1, f, x] = /** @type {[bigint, bigint, bigint, bigint]} */ ([words[10], words[11], words[16], words[17]]);
    if (x === 8n || x === SRST) break;
    let error = 0n;
    let value = 0n;
    if (x === 1n) writeSync(1, new Uint8Array([Number(a0)]));
    else if (x === BASE) value = f === 0n ? 0x0200_0000n : f === 3n ? BigInt(KNOWN.has(a0)) : f < 3n ? 1n : 0n;
    else if (x === DBCN && f === 0n) {
      writeSync(1, bytes.subarray(Number(a1) - RAM, Number(a1) - RAM + Number(a0)));
      value = a0;
    } else if (x === DBCN && f === 2n) writeSync(1, new Uint8Array([Number(a0)]));
    else error = -2n;
    words[10] = BigInt.asUintN(64, error);
    if (x >= 0x10n) words[11] = value;
  } else if (reason === 3) {
    exits.wfi++;
    const ticks = (floats[7] ?? 0) - (floats[8] ?? 0) - native.clock(m);
    if (ticks > 0) Atomics.wait(sleeper, 0, 0, Math.min(ticks / 10_000, 1000));
  } else if (reason === 4) exits.preempted++;
  else throw new Error(`exit ${reason} at ${(words[1] ?? 0n).toString(16)}, engine error ${words[4]}`);
}
console.error(`libunicorn ${native.version().string}: ${((performance.now() - started) / 1000).toFixed(2)} s, exits ${JSON.stringify(exits)}, SBI calls below ${words[19]}`);
native.machineClose(m);
