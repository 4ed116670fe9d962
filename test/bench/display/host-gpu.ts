// The peer of `display`: the same GPU, worked by the host. Each update is what the kit's driver asks for: the rectangle is copied in, and shown.
import { VirtioGpu, type DisplayBackend } from "../../../core/devices/virtio/gpu.ts";
import { VirtioMmio } from "../../../core/devices/virtio/mmio.ts";
import { Feature, GpuCommand, GpuResponse } from "../../../core/devices/virtio/spec.ts";
import { TestMemory, VirtioDriver } from "../../support/virtio-driver.ts";

const RAM_BYTES = 32 * 2 ** 20;
const BGRX = 2, PICTURE = 1, PIXEL_BYTES = 4;

/** @returns what shows a rectangle from the display's upper left corner on: of so many pixels */
export function openHostGpu(picture: DisplayBackend): (width: number, height: number) => void {
  const memory = new TestMemory(RAM_BYTES), later: (() => void)[] = [];
  const model = new VirtioGpu(picture, { dma: memory, later: (work) => void later.push(work) });
  const driver = new VirtioDriver(new VirtioMmio(model, { irq() {}, dma: memory, report: fail }), memory);
  driver.init(1 << Feature.INDIRECT_DESC, 64);
  const pixels = driver.allocate(picture.width * picture.height * PIXEL_BYTES);

  const ask = (...requests: readonly Uint8Array[]): void => {
    for (const request of requests) driver.add(0, [request, 24]);
    driver.notify(0);
    for (let work = later.shift(); work !== undefined; work = later.shift()) work();
    const answers = driver.collect(0);
    if (answers.length !== requests.length || answers.some(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) !== GpuResponse.OK_NODATA)) fail("the GPU refused a request");
  };
  const all = [0, 0, picture.width, picture.height];
  ask(command(GpuCommand.RESOURCE_CREATE_2D, PICTURE, BGRX, picture.width, picture.height));
  ask(command(GpuCommand.RESOURCE_ATTACH_BACKING, PICTURE, 1, pixels, 0, picture.width * picture.height * PIXEL_BYTES, 0));
  ask(command(GpuCommand.SET_SCANOUT, ...all, 0, PICTURE));
  return (width, height) => ask(command(GpuCommand.TRANSFER_TO_HOST_2D, 0, 0, width, height, 0, 0, PICTURE, 0), command(GpuCommand.RESOURCE_FLUSH, 0, 0, width, height, PICTURE, 0));
}

const command = (type: number, ...rest: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from([type, 0, 0, 0, 0, 0, ...rest]).buffer);

function fail(reason: string): never {
  throw new Error(reason);
}
