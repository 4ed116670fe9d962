// A broken promise of ours, never of a program or guest: it names the invariant that no longer holds.

export class KernelPanic extends Error {
  readonly invariant: string;
  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.name = "KernelPanic";
    this.invariant = invariant;
  }
}

/** Throws KernelPanic when `holds` is false. Only for what no input of a program, guest or user can bring about. */
export function kassert(holds: boolean, invariant: string, detail: string): asserts holds {
  if (!holds) throw new KernelPanic(invariant, detail);
}
