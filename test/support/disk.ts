// A disk that misbehaves as planned, in front of one that does not.
import type { BlockBackend, BlockDone } from "../../core/devices/virtio/block-backend.ts";

export interface Operation {
  readonly kind: "read" | "write" | "flush";
  readonly offset: number;
  readonly bytes: number;
}
/** For each operation in order, from 0: do it, keep it until `release`, never answer (and never do it), or fail it. */
export type Plan = (n: number, operation: Operation) => "pass" | "hold" | "lose" | { readonly fail: string };

export interface FailingDisk extends BlockBackend {
  /** All that was asked for, in order. */
  readonly operations: readonly Operation[];
  /** How many are held. */
  readonly held: number;
  /** Does the n-th of those held (the oldest if not said), and answers it, with an error if one is given: then it is not done. */
  release(n?: number, error?: string): void;
  releaseAll(): void;
}

export function failingDisk(inner: BlockBackend, plan: Plan): FailingDisk {
  const operations: Operation[] = [];
  const held: { readonly perform: () => void; readonly done: BlockDone }[] = [];
  const meet = (operation: Operation, done: BlockDone, perform: () => void): void => {
    const what = plan(operations.push(operation) - 1, operation);
    if (what === "pass") perform();
    else if (what === "hold") held.push({ perform, done });
    else if (what !== "lose") done(what.fail);
  };
  const release = (n = 0, error?: string): void => {
    const [operation] = held.splice(n, 1);
    if (operation === undefined) throw new Error(`no operation ${n} is held`);
    if (error === undefined) operation.perform();
    else operation.done(error);
  };
  return {
    sectors: inner.sectors,
    readOnly: inner.readOnly,
    id: inner.id,
    operations,
    get held() {
      return held.length;
    },
    read: (offset, into, done) => meet({ kind: "read", offset, bytes: into.length }, done, () => inner.read(offset, into, done)),
    write: (offset, bytes, done) => meet({ kind: "write", offset, bytes: bytes.length }, done, () => inner.write(offset, bytes, done)),
    flush: (done) => meet({ kind: "flush", offset: 0, bytes: 0 }, done, () => inner.flush(done)),
    release,
    releaseAll: () => {
      while (held.length > 0) release();
    },
  };
}
