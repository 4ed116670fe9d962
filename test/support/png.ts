// Reads back the PNGs that the kit writes, for tests: eight bits a sample, red, green, blue, no filter but those that a decoder must know.
// Written from the specification, apart from the encoder. Source: PNG (Third Edition), 9 and 11.
import { crc32, inflateSync } from "node:zlib";

export interface Decoded {
  readonly width: number;
  readonly height: number;
  /** 0xrrggbb */
  at(x: number, y: number): number;
}

export function decodePng(bytes: Uint8Array): Decoded {
  const file = Buffer.from(bytes);
  if (file.toString("latin1", 0, 8) !== "\x89PNG\r\n\x1a\n") throw new Error("no PNG");
  const data: Buffer[] = [];
  let width = 0, height = 0, ended = false;
  for (let at = 8; at < file.length && !ended; ) {
    const length = file.readUInt32BE(at), type = file.toString("latin1", at + 4, at + 8), body = file.subarray(at + 8, at + 8 + length);
    if (crc32(file.subarray(at + 4, at + 8 + length)) !== file.readUInt32BE(at + 8 + length)) throw new Error(`the checksum of ${type} is wrong`);
    if (type === "IHDR") {
      [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
      if (body.toString("hex", 8) !== "0802000000") throw new Error("not eight bits of red, green, blue");
    } else if (type === "IDAT") data.push(body);
    else if (type === "IEND") ended = true;
    at += 12 + length;
  }
  if (!ended) throw new Error("cut short");
  const rows = inflateSync(Buffer.concat(data)), stride = 1 + 3 * width;
  if (rows.length !== height * stride) throw new Error("rows are missing");
  for (let y = 0; y < height; y++) if (rows[y * stride] !== 0) throw new Error("a filter that this does not know");
  return { width, height, at: (x, y) => rows.readUIntBE(y * stride + 1 + 3 * x, 3) };
}
