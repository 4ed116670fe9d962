// What a disk and a network card count of what they did for a driver: requests and frames carried out, their bytes, and what failed.
import { describe, expect, it } from "vitest";
import { VirtioBlk } from "../../core/devices/virtio/blk.ts";
import { ARRAYS } from "../../core/devices/virtio/block-backend.ts";
import { VirtioMmio, type VirtioModel } from "../../core/devices/virtio/mmio.ts";
import { VirtioNet } from "../../core/devices/virtio/net.ts";
import { BlkFeature, BlkType, NET_HEADER_BYTES } from "../../core/devices/virtio/spec.ts";
import { ramDisk } from "../../core/host/disk.ts";
import { failingDisk } from "../support/disk.ts";
import { blkHeader, TestMemory, VirtioDriver, type Buffer } from "../support/virtio-driver.ts";

function driverOf(model: VirtioModel, features = 0): VirtioDriver {
  const memory = new TestMemory(2 ** 20), driver = new VirtioDriver(new VirtioMmio(model, { irq: () => {}, dma: memory, report: () => {} }), memory);
  driver.init(features);
  return driver;
}
const ask = (driver: VirtioDriver, queue: number, buffers: readonly Buffer[]): void => {
  driver.add(queue, buffers);
  driver.notify(queue);
  driver.collect(queue);
};
const { IN, OUT, FLUSH, GET_ID } = BlkType;

describe("counts", () => {
  it("a disk's: by kind, with their bytes; what makes no sense is a failure; asking for its name is neither", () => {
    const model = new VirtioBlk(ramDisk(new Uint8Array(64 * 512)), ARRAYS, () => {}), driver = driverOf(model, 1 << BlkFeature.FLUSH);
    for (let n = 0; n < 3; n++) ask(driver, 0, [blkHeader(IN, n), 1024, 1]);
    for (let n = 0; n < 2; n++) ask(driver, 0, [blkHeader(OUT, n), new Uint8Array(512), 1]);
    for (let n = 0; n < 4; n++) ask(driver, 0, [blkHeader(FLUSH, 0), 1]);
    ask(driver, 0, [blkHeader(GET_ID, 0), 20, 1]);
    expect(model.counts).toEqual({ reads: 3, readBytes: 3072, writes: 2, writtenBytes: 1024, flushes: 4, failures: 0 });
    ask(driver, 0, [blkHeader(IN, 64), 512, 1]);
    ask(driver, 0, [blkHeader(99, 0), 1]);
    expect(model.counts).toMatchObject({ reads: 3, readBytes: 3072, failures: 2 });
  });
  it("a disk's: what it failed is a failure and nothing else", () => {
    const model = new VirtioBlk(failingDisk(ramDisk(new Uint8Array(64 * 512)), () => ({ fail: "a bad sector" })), ARRAYS, () => {}), driver = driverOf(model);
    ask(driver, 0, [blkHeader(IN, 0), 512, 1]);
    ask(driver, 0, [blkHeader(OUT, 0), new Uint8Array(512), 1]);
    expect(model.counts).toEqual({ reads: 0, readBytes: 0, writes: 0, writtenBytes: 0, flushes: 0, failures: 2 });
  });
  it("a card's: bytes of the frames that went and came, without those that were lost", () => {
    const model = new VirtioNet({ mac: Uint8Array.of(2, 0, 0, 0, 0, 1), send: () => {} }, () => {}), driver = driverOf(model);
    for (const bytes of [14, 60, 1514, 13, 1515]) ask(driver, 1, [new Uint8Array(NET_HEADER_BYTES + bytes)]);
    for (const bytes of [100, 200]) {
      driver.add(0, [2048]);
      driver.notify(0);
      model.receive(new Uint8Array(bytes));
    }
    model.receive(new Uint8Array(1515));
    expect([model.counts.sent, model.counts.received, model.bytes]).toEqual([3, 2, { sent: 1588, received: 300 }]);
  });
});
