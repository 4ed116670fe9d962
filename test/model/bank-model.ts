// Banks, deliberately naive: every figure is added up anew from who has bought what, and whether there is memory is looked for page by page. Where in an arena a block comes to
// lie is the bank's affair; that it lies there, whole, aligned and apart from all others, is looked at here.
export const PAGE_BITS = 12, MOST_BITS = 30;
const PLACE = 2 ** 20;

export const Refusal = { done: 0, badRequest: 1, limit: 4, noMemory: 5, full: 6, notFound: 7 } as const;

interface Arena {
  readonly bits: number;
  readonly taken: { readonly start: number; readonly bytes: number; readonly by: ModelBlock | ModelBank | "table" }[];
}

export interface ModelBlock {
  readonly number: number;
  readonly bytes: number;
  readonly buyer: ModelBank;
  readonly from: ModelBank;
}

export interface ModelBank {
  /** Its place in the bank's table, which is the kit's affair. */
  readonly id: number;
  readonly parent: ModelBank | null;
  readonly limit: number;
  readonly reserve: number;
  readonly most: number;
  readonly arena: Arena | null;
  /** The bank out of whose arena its own is. */
  readonly from: ModelBank | null;
  /** In the order they were bought. */
  readonly sold: ModelBlock[];
  /** In the order they were made. */
  readonly children: ModelBank[];
  readonly permanent: boolean;
  peak: number;
  closing: boolean;
}

export const pathUp = (bank: ModelBank, to: ModelBank | null = null): ModelBank[] => {
  const path: ModelBank[] = [];
  for (let at: ModelBank | null = bank; at !== null; at = at.parent) {
    path.push(at);
    if (at === to) break;
  }
  return path;
};

export const allUnder = (bank: ModelBank): ModelBank[] => [bank, ...bank.children.toReversed().flatMap(allUnder)];

const isAlone = ({ limit, reserve }: ModelBank): boolean => reserve > 0 && limit === reserve;

/** Where a number says a block is: levels up, and its place in that bank's arena. */
export function placeOf(number: number, arenaBits: number): { start: number; bytes: number } {
  const place = number % PLACE, depth = Math.floor(Math.log2(place)), bytes = 2 ** (arenaBits - depth);
  return { start: (place - 2 ** depth) * bytes, bytes };
}

export class Model {
  readonly root: ModelBank;

  constructor(bytes: number) {
    const bits = Math.ceil(Math.log2(bytes));
    this.root = { id: 0, parent: null, limit: 0, reserve: 0, most: 1023, arena: { bits, taken: [{ start: 0, bytes: 2 ** bits - bytes, by: "table" }] }, from: null, sold: [], children: [], permanent: true, peak: 0, closing: false };
  }

  get banks(): ModelBank[] {
    return allUnder(this.root);
  }

  /** All that lies on the way from a bank under this one (or itself) to an arena above it (or its own). */
  used(bank: ModelBank): number {
    let used = 0;
    for (const each of allUnder(bank)) {
      for (const block of each.sold) if (pathUp(bank).includes(block.from)) used += block.bytes;
      if (each !== bank && each.from !== null && pathUp(bank).includes(each.from)) used += each.reserve;
    }
    return used;
  }

  promised = (bank: ModelBank): number => bank.children.reduce((sum, child) => sum + 1 + child.most, 0);

  /** What an honest bank says to a request for memory: a refusal, or the bank out of whose arena it is. `kept`: for an arena. */
  seller(bank: ModelBank, bits: number, kept: boolean): ModelBank | number {
    const bytes = 2 ** bits;
    for (const at of pathUp(bank)) {
      if (at.limit !== 0 && this.used(at) + bytes > at.limit) return Refusal.limit;
      if (at.arena !== null && !(kept && at.arena.bits === bits) && hasRoom(at.arena, bytes)) return at;
      if (isAlone(at)) break;
    }
    return Refusal.noMemory;
  }

  /** Whether this bank's arena could be the one: without a refusal below it. For requests in which the kernel failed. */
  mayBeFrom(bank: ModelBank, from: ModelBank, bytes: number): boolean {
    const path = pathUp(bank, from);
    return path.at(-1) === from && path.every((at) => at.limit === 0 || this.used(at) + bytes <= at.limit) && !path.slice(0, -1).some(isAlone) && from.arena !== null && hasRoom(from.arena, bytes);
  }

  /** @throws Error when the block lies where it must not */
  sell(buyer: ModelBank, from: ModelBank, bits: number, number: number): void {
    if (from.arena === null) throw new Error(`bank ${from.id} has no arena`);
    if (Math.floor(number / PLACE) !== pathUp(buyer, from).length - 1) throw new Error(`${number} is no number for bank ${buyer.id} of a block of bank ${from.id}'s`);
    const block: ModelBlock = { number, bytes: 2 ** bits, buyer, from };
    take(from.arena, placeOf(number, from.arena.bits), block.bytes, block);
    buyer.sold.push(block);
    this.#peaks(buyer);
  }

  make(parent: ModelBank, wanted: Pick<ModelBank, "id" | "limit" | "reserve" | "most" | "permanent">, from: ModelBank | null, place: number): void {
    if (this.banks.some(({ id }) => id === wanted.id)) throw new Error(`bank ${wanted.id} is there already`);
    const bank: ModelBank = { ...wanted, parent, from, arena: from === null ? null : { bits: Math.log2(wanted.reserve), taken: [] }, sold: [], children: [], peak: 0, closing: false };
    if (from?.arena) take(from.arena, placeOf(place, from.arena.bits), wanted.reserve, bank);
    parent.children.push(bank);
    this.#peaks(parent);
  }

  free(block: ModelBlock): void {
    block.buyer.sold.splice(block.buyer.sold.indexOf(block), 1);
    drop(block.from.arena!, block);
  }

  /** Newest first, the deepest of the newest banks first. True: all is done. */
  destroy(bank: ModelBank, most: number): boolean {
    for (const each of allUnder(bank)) each.closing = true;
    for (let done = 0; done < most; done++) {
      let leaf = bank;
      while (leaf.children.length > 0) leaf = leaf.children.at(-1)!;
      const block = leaf.sold.at(-1);
      if (block !== undefined) this.free(block);
      else if (leaf !== bank) this.#end(leaf);
      else {
        if (bank.permanent) bank.closing = false;
        else this.#end(bank);
        return true;
      }
    }
    return false;
  }

  #end(bank: ModelBank): void {
    if (bank.from !== null) drop(bank.from.arena!, bank);
    const siblings = bank.parent!.children;
    siblings.splice(siblings.indexOf(bank), 1);
  }

  #peaks(bank: ModelBank): void {
    for (const at of pathUp(bank)) at.peak = Math.max(at.peak, this.used(at));
  }
}

const isFree = ({ taken }: Arena, start: number, bytes: number): boolean => taken.every((other) => start + bytes <= other.start || other.start + other.bytes <= start);

function hasRoom(arena: Arena, bytes: number): boolean {
  for (let start = 0; start + bytes <= 2 ** arena.bits; start += bytes) if (isFree(arena, start, bytes)) return true;
  return false;
}

function take(arena: Arena, { start, bytes }: { start: number; bytes: number }, wanted: number, by: ModelBlock | ModelBank): void {
  if (bytes !== wanted) throw new Error(`${wanted} bytes were wanted, and the number is of ${bytes}`);
  if (start + bytes > 2 ** arena.bits || !isFree(arena, start, bytes)) throw new Error(`${bytes} bytes at ${start} are somebody else's already`);
  arena.taken.push({ start, bytes, by });
}

function drop(arena: Arena, by: ModelBlock | ModelBank): void {
  arena.taken.splice(arena.taken.findIndex((each) => each.by === by), 1);
}
