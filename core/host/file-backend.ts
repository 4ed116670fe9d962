// An open file as a disk, or a part of one: the host's own file calls, side by side.
//
// Invariants:
//   - nothing waits but through a callback, and for the moment of PATIENCE: a disk that has died never stops the process, and one that is slow hardly slows it;
//   - a flush begins after every write that was begun before it has ended, and ends when the host has put them on stable storage.
import { fdatasync, read } from "node:fs";
import { getSystemErrorMap } from "node:util";
import type { BlockBackend, BlockDone } from "../devices/virtio/block-backend.ts";
import { readCached, writeWithin } from "../machine/unicorn.ts";

/** Microseconds that a write is waited for, and for each KiB of it one more: most end sooner, in the host's memory, and a turn of the event loop takes longer than they do. */
const PATIENCE = 100;
/** After one that took longer so many are not waited for. */
const HASTE = 8;

type Transfer = (fd: number, buffer: Uint8Array, from: number, length: number, position: number, done: (error: Error | null, bytes: number) => void) => void;

/** As `write` of node:fs, but that what ends soon calls back at once. */
function briefWriter(): Transfer {
  let haste = 0;
  return (fd, buffer, from, length, position, done) => {
    const ended = (result: number): void => {
      if (result >= 0) done(null, result);
      else done(new Error(getSystemErrorMap().get(result)?.join(": ") ?? `error ${-result} of the host`), 0);
    };
    const waited = haste === 0;
    const result = writeWithin(fd, position, buffer.subarray(from, from + length), waited ? PATIENCE + Math.floor(length / 1024) : 0, ended);
    haste = !waited ? haste - 1 : result === undefined ? HASTE : 0;
    if (result !== undefined) ended(result);
  };
}

export interface FilePart {
  readonly fd: number;
  readonly sectors: number;
  readonly readOnly: boolean;
  readonly id: string;
  /** Byte of the file at which the disk begins. */
  readonly start?: number;
}

/** An open file as a disk. Reads and writes go to the host at once and side by side. */
export function fileBackend({ fd, sectors, readOnly, id, start = 0 }: FilePart): BlockBackend {
  /** Writes begun so far, and of those the ones that have not ended: flushes wait for those below their own number. */
  let begun = 0;
  const write = briefWriter();
  const open = new Set<number>();
  const flushes: { readonly before: number; waitsFor: number; readonly done: BlockDone }[] = [];
  const sync = (done: BlockDone): void => fdatasync(fd, (error) => done(error === null ? null : error.message));
  const ended = (number: number): void => {
    open.delete(number);
    for (const flush of flushes) if (number < flush.before) flush.waitsFor--;
    while (flushes[0]?.waitsFor === 0) sync(flushes.shift()!.done);
  };
  /** The host may do a part of what it is asked for; then the rest is asked for again. */
  const transfer = (call: Transfer, buffer: Uint8Array, from: number, offset: number, done: BlockDone): void => {
    call(fd, buffer, from, buffer.length - from, start + offset + from, (error, bytes) => {
      if (error !== null) done(error.message);
      else if (bytes === 0) done(`the image ends at byte ${start + offset + from}: it has become shorter while open`);
      else if (from + bytes === buffer.length) done(null);
      else transfer(call, buffer, from + bytes, offset, done);
    });
  };
  return {
    sectors,
    readOnly,
    id,
    read(offset, into, done) {
      // Most often the host has it in memory, and another thread would take longer than the copy.
      const had = readCached(fd, start + offset, into);
      if (had === into.length) done(null);
      else transfer(read, into, Math.max(0, had), offset, done);
    },
    readNow: (offset, into) => readCached(fd, start + offset, into) === into.length,
    write(offset, bytes, done) {
      if (readOnly) return done("the image is open for reading only");
      const number = begun++;
      open.add(number);
      transfer(write, bytes, 0, offset, (error) => {
        ended(number);
        done(error);
      });
    },
    flush(done) {
      if (readOnly) done(null);
      else if (open.size === 0) sync(done);
      else flushes.push({ before: begun, waitsFor: open.size, done });
    },
  };
}
