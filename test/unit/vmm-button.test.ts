// SHUTDOWN-0*: how a guest is asked to shut down: by its power button, through registers and queues as its driver sees them, or by a line on the control channel when its init has said that it hears.
import { describe, expect, test } from "vitest";
import { readDevice, writeDevice } from "../../core/devices/device.ts";
import { VirtioMmio } from "../../core/devices/virtio/mmio.ts";
import { InputConfig, InputSelect, Mmio } from "../../core/devices/virtio/spec.ts";
import { PowerButton } from "../../vmm/button.ts";
import { ControlChannel } from "../../vmm/control.ts";
import { GuestMap, virtioIrq, VirtioSlot } from "../../vmm/spec.ts";
import { TestMemory, VirtioDriver } from "../support/virtio-driver.ts";

const PRESSED = [[1, 116, 1], [0, 0, 0], [1, 116, 0], [0, 0, 0]];

function bench(memory = new TestMemory()) {
  const button = new PowerButton(), lines: boolean[] = [];
  const device = new VirtioMmio(button.device, { irq: (level) => void lines.push(level), dma: memory, report: () => {} }), driver = new VirtioDriver(device, memory);
  return {
    memory, button, device, driver, lines,
    lend(buffers: number) {
      for (let i = 0; i < buffers; i++) driver.add(0, [8]);
      driver.notify(0);
    },
    came: (): number[][] => driver.collect(0).map(({ bytes }) => {
      const view = new DataView(bytes.buffer);
      return [view.getUint16(0, true), view.getUint16(2, true), view.getInt32(4, true)];
    }),
  };
}

describe("SHUTDOWN", () => {
  test("001 the button is an input device with one key, at a slot and an interrupt of its own", () => {
    const { device, driver } = bench();
    const select = (what: number, sub = 0): number[] => {
      writeDevice(device, Mmio.CONFIG + InputConfig.SELECT, 1, what, 0);
      writeDevice(device, Mmio.CONFIG + InputConfig.SUBSEL, 1, sub, 0);
      return Array.from({ length: Number(readDevice(device, Mmio.CONFIG + InputConfig.SIZE, 1)) }, (_, i) => Number(readDevice(device, Mmio.CONFIG + InputConfig.DATA + i, 1)));
    };
    expect(driver.reg(Mmio.DEVICE_ID)).toBe(18);
    expect(Buffer.from(select(InputSelect.ID_NAME)).toString()).toBe("Bailiwick power button");
    expect(select(InputSelect.EV_BITS, 1).flatMap((byte, i) => Array.from({ length: 8 }, (_, bit) => 8 * i + bit).filter((code) => (byte >>> (code & 7)) & 1))).toEqual([116]);
    for (const type of [2, 3]) expect(select(InputSelect.EV_BITS, type)).toEqual([]);
    const irqs = [GuestMap.UART.irq, GuestMap.RTC.irq, GuestMap.GENERATION.irq, ...Array.from({ length: GuestMap.VIRTIO.slots }, (_, slot) => virtioIrq(slot))];
    expect([new Set(irqs).size, Math.max(...irqs) <= 31, VirtioSlot.power < GuestMap.VIRTIO.slots]).toEqual([irqs.length, true, true]);
  });

  test("002 pressed, it is pressed and let go together; before a driver is there it waits for one, however often it was pressed", () => {
    const b = bench();
    b.button.press(true);
    b.button.press(true);
    expect(b.lines).toEqual([]);
    b.driver.init();
    b.lend(3);
    expect(b.came()).toEqual([]);
    b.lend(1);
    expect(b.came()).toEqual(PRESSED);
    b.lend(8);
    expect(b.came()).toEqual([]);
    b.button.press(true);
    expect(b.came()).toEqual(PRESSED);
    // For a guest that is told otherwise it only stirs.
    b.button.stirred = false;
    b.button.press(false);
    expect([b.came(), b.button.stirred]).toEqual([[], true]);
  });

  test("003 written down and put back it goes on with its driver's buffers; that it waited is not put back", () => {
    const memory = new TestMemory(), before = bench(memory), after = bench(memory);
    before.driver.init();
    before.lend(2);
    before.button.press(true);
    after.device.restore(JSON.parse(JSON.stringify(before.device.save())) as ReturnType<typeof before.device.save>);
    // The driver's two further buffers; what came before them is still there.
    before.driver.add(0, [8]);
    before.driver.add(0, [8]);
    writeDevice(after.device, Mmio.QUEUE_NOTIFY, 4, 0, 0);
    expect(before.came()).toEqual([]);
    after.button.press(true);
    expect(before.came()).toEqual(PRESSED);
  });

  test("004 by the control channel: once it hears, or as soon as it does; whole, however little room there is; and it can be asked again", () => {
    let room = 0, told = "";
    const channel = new ControlChannel((bytes) => {
      const taken = Math.min(room, bytes.length);
      told += Buffer.from(bytes.subarray(0, taken)).toString();
      room -= taken;
      return taken;
    });
    const says = (text: string): void => channel.feed(Buffer.from(text));
    room = 100;
    expect(channel.ask("shutdown")).toBe(false);
    expect(channel.ask("shutdown")).toBe(false);
    says("ready\nhear\n hears\n");
    expect(told).toBe("");
    room = 4;
    says("hears\n");
    expect(told).toBe("shut");
    room = 3;
    channel.room();
    room = 50;
    channel.room();
    channel.room();
    says("hears\n");
    expect(told).toBe("shutdown\n");
    expect(channel.ask("shutdown")).toBe(true);
    expect(told).toBe("shutdown\nshutdown\n");
    const again = new ControlChannel(() => 9);
    again.restore(JSON.parse(JSON.stringify(channel.save())) as ReturnType<typeof channel.save>);
    expect(again.ask("clock")).toBe(true);
  });

  test("005 what else it is asked it is told, each thing once, in the order in which it was asked first", () => {
    let told = "";
    const channel = new ControlChannel((bytes) => ((told += Buffer.from(bytes).toString()), bytes.length));
    for (const what of ["clock", "shutdown", "clock"] as const) channel.ask(what);
    channel.feed(Buffer.from("hears\n"));
    expect(told).toBe("clock\nshutdown\n");
    channel.ask("clock");
    expect(told).toBe("clock\nshutdown\nclock\n");
    // One that does not read is told each thing once when it does, and what it was in the middle of.
    let room = 3, late = "";
    const slow = new ControlChannel((bytes) => ((late += Buffer.from(bytes.subarray(0, room)).toString()), Math.min(room, bytes.length)));
    slow.feed(Buffer.from("hears\n"));
    slow.ask("clock");
    room = 0;
    for (let i = 0; i < 1000; i++) slow.ask("clock");
    room = 100;
    slow.room();
    expect(late).toBe("clock\nclock\n");
    // One that hears that alone is asked to shut down by its button.
    const some = new ControlChannel(() => 0);
    some.feed(Buffer.from("hears clock tea\n"));
    expect([some.ask("clock"), some.ask("shutdown")]).toEqual([true, false]);
  });
});
