// BOOT-*: the boot protocol: bootinfo read back as the root server reads it, and every capability it names tried out.
import { describe, expect, test } from "vitest";
import { BOOTINFO_MAGIC, BOOTINFO_VERSION, BootInfo, FILE_WORDS, IOSPACE_WORDS, UNTYPED_WORDS } from "../../../caps/abi/bootinfo.ts";
import { Reg } from "../../../caps/abi/message.ts";
import { InitSlot, Kind, Right } from "../../../caps/abi/numbers.ts";
import { resolve } from "../../../caps/model/cspace.ts";
import { checkInvariants } from "../../../core/kernel/invariants.ts";
import { translate } from "../../../core/kernel/objects/vspace.ts";
import { RootAddress, startRoot, type RootImage } from "../../../core/kernel/root.ts";
import { Kernel, TcbSlot, ThreadState } from "../../../core/kernel/state.ts";
import { FakeMachine, RAM_BASE } from "../../support/fake-machine.ts";

const bytes = (n: number, seed: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 31 + seed) & 0xff);
const FILES = [{ name: "root.js", bytes: bytes(5000, 1) }, { name: "system.json", bytes: bytes(3, 2) }, { name: "empty", bytes: new Uint8Array(0) }, { name: "kernel.img", bytes: bytes(2 ** 21 + 5, 3) }];
const DEVICES = [{ physical: 0x1000_0000, bytes: 4096 }, { physical: 0x1000_2000, bytes: 4096 }];

const boot = (image: Partial<RootImage> = {}, ram = 32 << 20) => {
  const machine = new FakeMachine(ram);
  const k = new Kernel(machine);
  startRoot(k, { files: FILES, program: "root.js", devices: DEVICES, ...image });
  checkInvariants(k);
  const t = k.tcbs.find((x) => x !== undefined)!;
  const v = k.vspaces.find((x) => x !== undefined)!;
  const view = new DataView(machine.ram);
  const at = (address: number): number => translate(k, v, address, 1) - RAM_BASE;
  const word = (index: number): number => Number(view.getBigUint64(at(RootAddress.BOOTINFO + 8 * index), true));
  const text = (index: number, most: number): string => {
    const raw = Array.from({ length: most }, (_, i) => view.getUint8(at(RootAddress.BOOTINFO + 8 * index + i)));
    return String.fromCharCode(...raw.slice(0, raw.indexOf(0)));
  };
  const slot = (cptr: number) => {
    const row = resolve(k.slots, k.cnodes, t.slots + TcbSlot.CSpace, cptr, 32);
    return { row, kind: k.slots.kind[row]!, rights: k.slots.rights[row]!, object: k.slots.object[row]! };
  };
  return { machine, k, t, v, view, at, word, text, slot };
};

describe("BOOT", () => {
  test("001 the root server starts with bootinfo's address in a0, the greatest priority and full time", () => {
    const { k, t, machine } = boot();
    expect(t).toMatchObject({ state: ThreadState.Ready, priority: 255, maxPriority: 255, hosted: true, label: "root", bufferAddress: RootAddress.IPC_BUFFER });
    expect(k.frames32[t.base + 2 * Reg.a0]).toBe(RootAddress.BOOTINFO);
    expect(machine.texts.get(t.frame)).toEqual(FILES[0]!.bytes);
    const sc = k.schedContexts[t.sc]!;
    expect([sc.budget, sc.home]).toEqual([sc.period, t.id]);
  });
  test("002 the fixed part, and the slots of InitSlot", () => {
    const { word, slot, k, t } = boot();
    expect([word(BootInfo.MAGIC), word(BootInfo.VERSION), word(BootInfo.CNODE_BITS), word(BootInfo.TIMEBASE)]).toEqual([BOOTINFO_MAGIC, BOOTINFO_VERSION, 16, 10_000_000]);
    expect(word(BootInfo.EMPTY_FIRST) + word(BootInfo.EMPTY_COUNT)).toBe(2 ** 16);
    for (const [name, kind] of [["CNode", Kind.CNode], ["TCB", Kind.TCB], ["VSpace", Kind.VSpace], ["Reply", Kind.Reply], ["Service", Kind.Endpoint], ["Notification", Kind.Notification],
      ["SchedContext", Kind.SchedContext], ["IPCBuffer", Kind.Frame], ["IRQControl", Kind.IRQControl], ["SchedControl", Kind.SchedControl], ["HostedControl", Kind.HostedControl], ["BootInfo", Kind.Frame]] as const)
      expect(slot(InitSlot[name]).kind, name).toBe(kind);
    for (let i = word(BootInfo.EMPTY_FIRST); i < 2 ** 16; i += 97) expect(slot(i).kind).toBe(Kind.Null);
    expect(k.notifications[t.boundNotification]!.boundTcb).toBe(t.id);
  });
  test("003 untypeds: RAM that nothing else has, aligned, and the devices' windows", () => {
    const { word, slot, k } = boot();
    let at: number = BootInfo.ENTRIES, ram = 0, lowest = Infinity;
    const devices: number[] = [];
    for (let i = 0; i < word(BootInfo.UNTYPED_COUNT); i++, at += UNTYPED_WORDS) {
      const [s, base, bits, device] = [0, 1, 2, 3].map((n) => word(at + n)) as [number, number, number, number];
      expect(slot(s).kind).toBe(Kind.Untyped);
      expect([k.objects.base[slot(s).object], k.objects.bits[slot(s).object], k.objects.device[slot(s).object]]).toEqual([base, bits, device]);
      expect(base % 2 ** bits).toBe(0);
      if (device === 1) devices.push(base);
      else {
        ram += 2 ** bits;
        lowest = Math.min(lowest, base);
      }
    }
    expect(devices).toEqual(DEVICES.map((d) => d.physical));
    // All RAM above the boot's own, to the last page.
    expect(lowest + ram).toBe(RAM_BASE + (32 << 20));
  });
  test("004 files: mapped read-only, byte for byte, in frames of 4 KiB or from 1 MiB on of 2 MiB", () => {
    const { word, text, slot, view, at: physical, k, v } = boot();
    let at = BootInfo.ENTRIES + UNTYPED_WORDS * word(BootInfo.UNTYPED_COUNT);
    expect(word(BootInfo.FILE_COUNT)).toBe(FILES.length);
    for (const file of FILES) {
      const [address, length, first, frames, bits] = [0, 1, 2, 3, 4].map((n) => word(at + n)) as [number, number, number, number, number];
      expect([text(at + 5, 48), length, bits]).toEqual([file.name, file.bytes.length, file.bytes.length >= 2 ** 20 ? 21 : 12]);
      expect(address % 2 ** bits).toBe(0);
      for (let i = 0; i < length; i += 1 + (length >> 9)) expect(view.getUint8(physical(address + i))).toBe(file.bytes[i]);
      for (let i = 0; i < frames; i++) expect(slot(first + i)).toMatchObject({ kind: Kind.Frame, rights: Right.Read });
      expect(translate(k, v, address, 2)).toBe(-1);
      expect(translate(k, v, address, 0)).toBe(-1);
      at += FILE_WORDS;
    }
  });
  test("005 I/O spaces by the names of their devices", () => {
    const { word, text, slot } = boot();
    const at = BootInfo.ENTRIES + UNTYPED_WORDS * word(BootInfo.UNTYPED_COUNT) + FILE_WORDS * word(BootInfo.FILE_COUNT);
    expect(word(BootInfo.IOSPACE_COUNT)).toBe(2);
    expect([text(at + 1, 24), text(at + IOSPACE_WORDS + 1, 24)]).toEqual(["dma0", "dma1"]);
    expect(slot(word(at)).kind).toBe(Kind.IOSpace);
  });
  test("006 an image that cannot be started is refused with the reason", () => {
    expect(() => boot({ program: "other.js" })).toThrow(/no file other.js/);
    expect(() => boot({}, 4 << 20)).toThrow(/does not fit into RAM/);
    expect(() => boot({ files: [{ ...FILES[0]!, name: "x".repeat(49) }], program: "x".repeat(49) })).toThrow(/longer than 48/);
    expect(() => boot({ files: [FILES[0]!, ...Array.from({ length: 300 }, (_, i) => ({ name: `f${i}`, bytes: new Uint8Array(1) }))] })).toThrow(/too many files for bootinfo/);
  });
  test("007 a program that the engine does not take is refused with its words", () => {
    const machine = new FakeMachine();
    machine.loadAnswer = "SyntaxError: unexpected token";
    expect(() => startRoot(new Kernel(machine), { files: FILES, program: "root.js", devices: [] })).toThrow(/root.js.*SyntaxError/);
  });
});
