// Start order: what a component uses of another must be there before it.

export type Order = { readonly ok: true; readonly order: readonly string[] } | { readonly ok: false; /** Each uses the next, the last is the first again. */ readonly cycle: readonly string[] };

/** @param uses name → the names it uses. Names that are no key are ignored. Otherwise the order of the keys is kept. */
export function startOrder(uses: ReadonlyMap<string, readonly string[]>): Order {
  const done = new Set<string>();
  // An explicit stack: a chain of components as long as a manifest allows must not end ours.
  for (const first of uses.keys()) {
    const path: { name: string; rest: string[] }[] = [];
    const open = new Set<string>();
    const enter = (name: string): void => {
      open.add(name);
      path.push({ name, rest: [...(uses.get(name) ?? [])] });
    };
    if (!done.has(first)) enter(first);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.shift();
      if (next === undefined) {
        done.add(top.name);
        open.delete(top.name);
        path.pop();
      } else if (open.has(next)) {
        const names = path.map(({ name }) => name);
        return { ok: false, cycle: [...names.slice(names.indexOf(next)), next] };
      } else if (uses.has(next) && !done.has(next)) enter(next);
    }
  }
  return { ok: true, order: [...done] };
}
