// Console fonts of Linux (PSF, version 1 or 2), and text drawn with them. A font may come from anybody: one that is none is refused when it is opened. The same in C, pixel
// for pixel, is servers/lib/c/src/font.c, which says how such a file looks. Source: the headers of PSF (kbd, "psf.h").
import type { Canvas } from "./draw.ts";

const MAGIC2 = 0x864ab572;
const MOST_SIDE = 64;
const MOST_GLYPHS = 65535;
const UNKNOWN = 0xfffd;
const QUESTION = 0x3f;
/** No background. */
export const CLEAR = 0xff000000;

export interface Font {
  /** Pixels of each character. */
  readonly width: number;
  readonly height: number;
  /** Rows of a glyph, each of whole bytes. */
  readonly glyphs: Uint8Array;
  readonly glyphBytes: number;
  /** Glyphs by character. */
  readonly characters: ReadonlyMap<number, number>;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly count: number;
  readonly glyphBytes: number;
  readonly headerBytes: number;
  readonly hasTable: boolean;
  /** The table's characters are 16-bit numbers, not UTF-8. */
  readonly wide: boolean;
}

function readHeader(bytes: Uint8Array): Header | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number): number => view.getUint32(at, true);
  let header: Header;
  if (bytes.length >= 4 && bytes[0] === 0x36 && bytes[1] === 0x04) {
    const mode = bytes[2]!, height = bytes[3]!;
    header = { width: 8, height, count: (mode & 1) !== 0 ? 512 : 256, glyphBytes: height, headerBytes: 4, hasTable: (mode & 2) !== 0, wide: true };
  } else if (bytes.length >= 32 && word(0) === MAGIC2 && word(4) === 0 && word(8) >= 32) {
    header = { width: word(28), height: word(24), count: word(16), glyphBytes: word(20), headerBytes: word(8), hasTable: (word(12) & 1) !== 0, wide: false };
  } else {
    return undefined;
  }
  const { width, height, count, glyphBytes, headerBytes } = header;
  if (width === 0 || height === 0 || width > MOST_SIDE || height > MOST_SIDE || count === 0 || count > MOST_GLYPHS) return undefined;
  return glyphBytes === Math.ceil(width / 8) * height && headerBytes <= bytes.length && Math.floor((bytes.length - headerBytes) / glyphBytes) >= count ? header : undefined;
}

/** The character at `at` and where the next one begins; U+FFFD for a byte that makes no sense, of which one is taken. */
function decode(bytes: Uint8Array, at: number): readonly [character: number, next: number] {
  const first = bytes[at]!;
  if (first < 0x80) return [first, at + 1];
  const more = first >= 0xf8 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
  let code = first & (0x3f >> more);
  if (more === 0 || bytes.length - at - 1 < more) return [UNKNOWN, at + 1];
  for (let i = 1; i <= more; i++) {
    const next = bytes[at + i]!;
    if ((next & 0xc0) !== 0x80) return [UNKNOWN, at + 1];
    code = (code << 6) | (next & 0x3f);
  }
  const smallest = [0, 0x80, 0x800, 0x1_0000][more]!;
  return code < smallest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? [UNKNOWN, at + 1] : [code, at + 1 + more];
}

/** Calls for each character of the table, and the glyph that has it. Sequences of several are left out. */
function readTable(table: Uint8Array, { count, wide }: Header, found: (character: number, glyph: number) => void): void {
  const unit = wide ? 2 : 1;
  let glyph = 0, sequences = false;
  for (let at = 0; at + unit <= table.length && glyph < count; ) {
    let character = 0, end = false, sequence = false;
    if (wide) {
      character = table[at]! | (table[at + 1]! << 8);
      [end, sequence, at] = [character === 0xffff, character === 0xfffe, at + 2];
    } else if (table[at]! >= 0xfe) {
      [end, sequence, at] = [table[at] === 0xff, table[at] === 0xfe, at + 1];
    } else {
      [character, at] = decode(table, at);
    }
    if (end) glyph++;
    if (end || sequence) sequences = sequence;
    else if (!sequences) found(character, glyph);
  }
}

/** The bytes stay the font's. Null: they are no PSF font, or one that is cut short. */
export function openFont(bytes: Uint8Array): Font | null {
  const header = readHeader(bytes);
  if (header === undefined) return null;
  const { width, height, count, glyphBytes, headerBytes, hasTable } = header;
  const end = headerBytes + count * glyphBytes;
  const characters = new Map<number, number>();
  if (hasTable) {
    // Of characters up to 255 the last glyph counts, of others the first, as in C; of '?', which stands for what is not there, the first, too.
    let unknown: number | undefined;
    readTable(bytes.subarray(end), header, (character, glyph) => {
      if (character === QUESTION) unknown ??= glyph;
      if (character < 256 || !characters.has(character)) characters.set(character, glyph);
    });
    for (let character = 0; character < 256; character++) if (!characters.has(character)) characters.set(character, unknown ?? 0);
  } else {
    const unknown = QUESTION < count ? QUESTION : 0;
    for (let character = 0; character < 256; character++) characters.set(character, character < count ? character : unknown);
  }
  return { width, height, glyphs: bytes.subarray(headerBytes, end), glyphBytes, characters };
}

const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === "string" ? new TextEncoder().encode(text) : text);

/** Pixels of a text in one line: a string, or UTF-8, of which a byte that makes no sense is U+FFFD. What the font has not is a '?'. */
export function textWidth(font: Font, text: string | Uint8Array): number {
  const bytes = bytesOf(text);
  let characters = 0;
  for (let at = 0; at < bytes.length; characters++) [, at] = decode(bytes, at);
  return characters * font.width;
}

/** Draws it with its left upper corner at x, y; the background too when it is a colour, CLEAR: not. Answers where the next character would begin. */
export function drawText(canvas: Canvas, font: Font, x: number, y: number, text: string | Uint8Array, colour: number, background: number = CLEAR): number {
  const bytes = bytesOf(text);
  let left = x;
  for (let at = 0; at < bytes.length; left += font.width) {
    let character: number;
    [character, at] = decode(bytes, at);
    const glyph = font.characters.get(character) ?? font.characters.get(QUESTION)!;
    if (left < canvas.width && left + font.width > 0) drawGlyph(canvas, font, left, y, glyph, colour, background);
  }
  return left;
}

function drawGlyph({ pixels, offset, width, height, stride }: Canvas, font: Font, left: number, top: number, glyph: number, colour: number, background: number): void {
  const rowBytes = Math.ceil(font.width / 8);
  for (let y = Math.max(0, -top); y < font.height && top + y < height; y++) {
    const bits = glyph * font.glyphBytes + y * rowBytes, row = offset + (top + y) * stride + left;
    for (let x = Math.max(0, -left); x < font.width && left + x < width; x++) {
      if (((font.glyphs[bits + (x >> 3)]! >> (7 - (x & 7))) & 1) !== 0) pixels[row + x] = colour;
      else if (background !== CLEAR) pixels[row + x] = background;
    }
  }
}
