// MODEL-BANK: the space bank's tables of blocks and banks (servers/bank/memory.c, banks.c), compiled for this machine, against a naive model of banks, with the invariants of
// its headers worked out anew after each command; and the same with mistakes put into it, each of which is found.
import fc from "fast-check";
import { expect, test } from "vitest";
import { allUnder, type ModelBank, type ModelBlock, Model, pathUp, placeOf, Refusal } from "./bank-model.ts";
import { type Answer, buildBank, type Mistake, RunningBank } from "./bank/build.ts";
import { below, LIMIT, runs, wasLong } from "./runs.ts";

const DEFAULT_RUNS = 150, TRIES_TO_FIND = 2000;

/** Banks and blocks by how many there are at that time, modulo. */
type Command =
  | { readonly does: "make"; readonly bank: number; readonly limit: number; readonly reserve: number; readonly banks: number; readonly permanent: boolean }
  | { readonly does: "buy"; readonly bank: number; readonly bits: number }
  | { readonly does: "free"; readonly block: number }
  // A number of one of the blocks said to another bank, or counted from another level, or any number.
  | { readonly does: "guess"; readonly bank: number; readonly block: number; readonly up: number; readonly number: number | null }
  | { readonly does: "destroy"; readonly bank: number; readonly most: number }
  | { readonly does: "fail"; readonly at: number };

const bytes = fc.oneof(fc.constantFrom(0, 4096, 16384, 65536, 262144), fc.integer({ min: 1, max: 40 }).map((pages) => pages * 4096), fc.constantFrom(1, 4097, 2 ** 40, Number.MAX_SAFE_INTEGER));
const reserves = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(0, 0, 4096, 16384, 65536) }, { weight: 1, arbitrary: fc.constantFrom(2048, 12288, 2 ** 19, 2 ** 31, 2 ** 40, 1) });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("make" as const), bank: below(50), limit: bytes, reserve: reserves, banks: fc.constantFrom(0, 1, 3, 10, 1023), permanent: fc.boolean() }) },
  // Banks that are alone, which others are rarely.
  { weight: 1, arbitrary: fc.record({ does: fc.constant("make" as const), bank: below(50), reserve: fc.constantFrom(8192, 16384, 32768), banks: fc.constantFrom(2, 5), permanent: fc.constant(false) }).map((made) => ({ ...made, limit: made.reserve })) },
  { weight: 12, arbitrary: fc.record({ does: fc.constant("buy" as const), bank: below(50), bits: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(12, 12, 12, 13, 14, 16) }, { weight: 1, arbitrary: fc.constantFrom(0, 11, 18, 19, 20, 30, 31) }) }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant("free" as const), block: below(200) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("guess" as const), bank: below(50), block: below(200), up: below(4), number: fc.option(fc.oneof(fc.maxSafeNat(), below(2 ** 22)), { freq: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("destroy" as const), bank: below(50), most: fc.constantFrom(1, 3, 32, 2000) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("fail" as const), at: fc.integer({ min: 1, max: 5 }) }) },
);

const pick = <T>(all: readonly T[], n: number): T => all[n % all.length]!;
const blocksOf = (model: Model): ModelBlock[] => model.banks.flatMap(({ sold }) => sold);
/** What a message can be said to: one that is being destroyed only says that it is gone (main.c). */
const open = (model: Model): ModelBank[] => model.banks.filter(({ closing }) => !closing);

class Pair {
  readonly running: RunningBank;
  model!: Model;
  /** The next request may fail in the kernel. */
  #failing = false;
  readonly seen = { sold: 0, refused: 0, inPieces: 0, guessed: 0, alone: 0 };

  constructor(program: string) {
    this.running = new RunningBank(program);
  }

  async begin(): Promise<void> {
    const first = await this.running.answer();
    this.model = new Model(first.result[0]!);
    this.#compare(first);
  }

  async do(c: Command): Promise<void> {
    const { model } = this;
    const failing = this.#failing;
    switch (c.does) {
      case "make": return this.#make(pick(open(model), c.bank), c, failing);
      case "buy": return this.#buy(pick(open(model), c.bank), c.bits, failing);
      case "free": {
        const block = pick(blocksOf(model), c.block);
        if (block === undefined || block.buyer.closing) return;
        model.free(block);
        return this.#says(`free ${block.buyer.id} ${block.number}`, Refusal.done);
      }
      case "guess": {
        const block = pick(blocksOf(model), c.block);
        const bank = block !== undefined && !block.buyer.closing && c.bank % 2 === 0 ? block.buyer : pick(open(model), c.bank);
        if (c.number === null && block === undefined) return;
        const number = c.number ?? this.#elsewhere(block!, bank, c.up);
        const own = bank.sold.find((each) => each.number === number);
        if (own !== undefined) model.free(own);
        else this.seen.guessed++;
        return this.#says(`free ${bank.id} ${number}`, own === undefined ? Refusal.notFound : Refusal.done);
      }
      case "destroy": {
        // Bank 0 is nobody's to destroy (main.c).
        const bank = pick(model.banks.slice(1), c.bank);
        if (bank === undefined) return;
        const all = model.destroy(bank, c.most);
        if (!all) this.seen.inPieces++;
        return this.#says(`destroy ${bank.id} ${c.most}`, all ? 1 : 0);
      }
      case "fail":
        await this.#says(`fail ${c.at}`, 0);
        this.#failing = true;
        return;
    }
  }

  /** What the number of this block would be if it were counted from the arena so many banks above `bank`, where that is to be worked out. */
  #elsewhere(block: ModelBlock, bank: ModelBank, up: number): number {
    const to = pathUp(bank)[up];
    let start = placeOf(block.number, block.from.arena!.bits).start, at = block.from;
    while (at !== to && at.from !== null) {
      start += at.from.arena!.taken.find(({ by }) => by === at)!.start;
      at = at.from;
    }
    if (at !== to || at.arena === null) return block.number;
    return up * 2 ** 20 + 2 ** (at.arena.bits - Math.log2(block.bytes)) + start / block.bytes;
  }

  async #make(parent: ModelBank, c: Command & { does: "make" }, failing: boolean): Promise<void> {
    const { model } = this, { limit, reserve, banks: most } = c, bits = Math.log2(reserve);
    const wrong = (reserve !== 0 && (!Number.isInteger(bits) || bits < 12 || bits > 30)) || (limit !== 0 && limit < reserve);
    const expected = wrong ? Refusal.badRequest : 1 + most > parent.most - model.promised(parent) ? Refusal.full : reserve === 0 ? null : model.seller(parent, bits, true);
    // As offers.c does it, a bank of the manifest's is one directly under bank 0.
    const permanent = c.permanent && parent.parent === null;
    const answer = await this.#say(`make ${parent.id} ${limit} ${reserve} ${most}`);
    const [refusal, id, up, place] = answer.result as [number, number, number, number];
    if (typeof expected === "number" || (failing && refusal !== 0)) {
      expect(refusal).toBe(failing && typeof expected === "object" && refusal === Refusal.limit ? Refusal.limit : typeof expected === "number" ? expected : Refusal.noMemory);
    } else {
      expect(refusal).toBe(Refusal.done);
      const from = expected === null ? null : pathUp(parent)[up]!;
      if (failing && from !== null) expect(model.mayBeFrom(parent, from, reserve)).toBe(true);
      else expect(from).toBe(expected);
      model.make(parent, { id, limit, reserve, most, permanent }, from, from === null ? 0 : place);
      if (limit === reserve && reserve !== 0) this.seen.alone++;
    }
    this.#compare(answer);
    if (refusal === 0 && permanent) await this.#says(`permanent ${id}`, 0);
  }

  async #buy(bank: ModelBank, bits: number, failing: boolean): Promise<void> {
    const { model } = this;
    const expected = bits < 12 || bits > 30 ? Refusal.badRequest : model.seller(bank, bits, false);
    const answer = await this.#say(`buy ${bank.id} ${bits}`);
    const [refusal, number] = answer.result as [number, number];
    if (refusal !== 0) {
      this.seen.refused++;
      // When the kernel fails, the request goes on upwards, to a limit or to the end.
      if (!(failing && typeof expected === "object" && (refusal === Refusal.noMemory || refusal === Refusal.limit))) expect(refusal).toBe(expected);
    } else {
      this.seen.sold++;
      const from = pathUp(bank)[Math.floor(number / 2 ** 20)]!;
      if (failing) expect(model.mayBeFrom(bank, from, 2 ** bits)).toBe(true);
      else expect(from).toBe(expected);
      model.sell(bank, from, bits, number);
    }
    this.#compare(answer);
  }

  #say(line: string): Promise<Answer> {
    this.#failing = false;
    return this.running.say(line);
  }

  async #says(line: string, result: number): Promise<void> {
    const answer = await this.#say(line);
    expect(answer.result[0], line).toBe(result);
    this.#compare(answer);
  }

  #compare({ banks }: Answer): void {
    const { model } = this;
    const expected = model.banks.map((bank) => [bank.id, { used: model.used(bank), peak: bank.peak, blocks: bank.sold.length, banks: model.promised(bank), closing: bank.closing }] as const);
    expect(new Map([...banks].sort(([a], [b]) => a - b))).toEqual(new Map(expected.toSorted(([a], [b]) => a - b)));
  }

  /** All that is under bank 0, parents first. */
  async list(): Promise<void> {
    const depthOf = (bank: ModelBank): number => pathUp(bank).length - 1;
    for (const bank of this.model.banks) {
      const under = allUnder(bank);
      for (const [place, each] of [...under.entries(), [under.length, null] as const]) {
        expect((await this.running.say(`list ${bank.id} ${place}`)).result).toEqual(each === null ? [-1, expect.any(Number)] : [each.id, depthOf(each) - depthOf(bank)]);
      }
    }
  }
}

async function perform(program: string, commands: readonly Command[]): Promise<Pair["seen"]> {
  const pair = new Pair(program);
  try {
    await pair.begin();
    for (const each of commands) await pair.do(each);
    await pair.list();
    // Everything is there again afterwards: in one piece, but for what the table left over.
    for (const bank of pair.model.root.children.slice()) await pair.do({ does: "destroy", bank: pair.model.banks.slice(1).indexOf(bank), most: 10_000 });
    for (const block of pair.model.root.sold.slice()) await pair.do({ does: "free", block: blocksOf(pair.model).indexOf(block) });
    await pair.do({ does: "buy", bank: 0, bits: 19 });
    return pair.seen;
  } finally {
    pair.running.end();
  }
}

const commands = fc.array(command, { minLength: 1, maxLength: 80, size: "max" });

test("MODEL-BANK what is sold, refused, accounted for and taken back is what a naive model says", async () => {
  using built = await buildBank();
  const seen: Pair["seen"] = { sold: 0, refused: 0, inPieces: 0, guessed: 0, alone: 0 };
  await fc.assert(
    fc.asyncProperty(commands, async (all) => {
      const one = await perform(built.program, all);
      for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += one[key];
    }),
    runs(DEFAULT_RUNS),
  );
  if (wasLong(DEFAULT_RUNS)) for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(3);
}, LIMIT);

/** A mistake, and what has to be said of it. */
const MISTAKES: Readonly<Record<string, Mistake & { readonly found: RegExp }>> = {
  "a block that is sold stays among the free ones": { file: "memory.c", of: "    memory_unlink(free_list(number), number);\n    for (; size > bits; size--) {", instead: "    if (size > bits) memory_unlink(free_list(number), number);\n    for (; size > bits; size--) {", found: /B1|bank ended/ },
  "the upper half is lost when a block is cut": { file: "memory.c", of: "        set_free(2 * number + 1, bank);\n", instead: "        if (size != 15) set_free(2 * number + 1, bank);\n        else (void)bw_cnode_delete(BW_SLOT_CNODE, memory_slot(2 * number + 1));\n", found: /B1/ },
  "what was made of a block is left when it is freed": { file: "memory.c", of: "    (void)bw_cnode_revoke(BW_SLOT_CNODE, memory_slot(number));\n", instead: "", found: /B2/ },
  "halves are not joined": { file: "memory.c", of: "    while (number != arena && BLOCK_AT(number ^ 1)->state == FREE", instead: "    while (number != arena && number % 2 == 0 && BLOCK_AT(number ^ 1)->state == FREE", found: /B3/ },
  "a bank's arena is joined with what is beside it": { file: "memory.c", of: "->state == FREE && BLOCK_AT(number ^ 1)->arena == 0) {", instead: "->state == FREE) {", found: /broken|ended/ },
  "what could not be cut is not joined again": { file: "memory.c", of: "            release(number);\n            return 0;", instead: "            set_free(number, bank);\n            return 0;", found: /B3/ },
  "only the buyer is charged": { file: "banks.c", of: "        if (b == provider) return;\n", instead: "        if (b == provider || banks[b].reserve == 16384) return;\n", found: /S1/ },
  "a limit above the buyer's is not looked at": { file: "banks.c", of: "        if (exceeds(&banks[b], 1ULL << bits)) return BANK_E_LIMIT;\n", instead: "        if (b == bank && exceeds(&banks[b], 1ULL << bits)) return BANK_E_LIMIT;\n", found: /S2/ },
  "a limit is looked at without what is used": { file: "banks.c", of: "bytes <= b->limit - b->used)", instead: "bytes <= b->limit)", found: /S2/ },
  "a bank's own arena is passed over": { file: "banks.c", of: "        *block = banks[b].arena == 0 ||", instead: "        *block = banks[b].arena == 0 || (b == bank && b != 0 && bits == 13) ||", found: /to be/ },
  "a bank that is alone goes on to others' memory": { file: "banks.c", of: "        if (b == 0 || bank_is_alone(b)) return BANK_E_NO_MEMORY;\n", instead: "        if (b == 0) return BANK_E_NO_MEMORY;\n", found: /S4/ },
  "a block is known by where it lies in another's arena": { file: "banks.c", of: "    if (memory_arena(block) != arena) return BANK_E_NOT_FOUND;\n", instead: "", found: /free .*: expected \+?0 to be 7/ },
  "others' blocks can be freed": { file: "banks.c", of: "    if (block_of(block)->state != SOLD || block_of(block)->bank != bank) return BANK_E_NOT_FOUND;\n", instead: "    if (block_of(block)->state != SOLD) return BANK_E_NOT_FOUND;\n", found: /list|S1/ },
  "all of an arena becomes another bank's too": { file: "banks.c", of: "|| (to_keep && block_bits(banks[b].arena) == bits) ? 0", instead: "|| (to_keep && bits == 99) ? 0", found: /S3|S1/ },
  "a bank that is destroyed leaves those under it open": { file: "banks.c", of: "        banks[b].closing = true;\n", instead: "        banks[b].closing = b == bank;\n", found: /S5/ },
  "a bank's memory is not given back when it ends": { file: "banks.c", of: "        give_back(b->parent, b->arena);\n", instead: "        if (b->reserve != 16384) give_back(b->parent, b->arena);\n", found: /broken|expected Map/ },
  "banks promised are not taken back": { file: "banks.c", of: "    p->banks -= 1 + b->banks_most;\n", instead: "    p->banks -= 1;\n", found: /banks/ },
};

test.each(Object.entries(MISTAKES))("MODEL-BANK finds a mistake: %s", async (_, mistake) => {
  using built = await buildBank(mistake);
  // What is found first may be another of its consequences.
  const says = async (all: readonly Command[]): Promise<boolean> => perform(built.program, all).then(() => true, (error: unknown) => !mistake.found.test(String(error)));
  const out = await fc.check(fc.asyncProperty(commands, says), { numRuns: TRIES_TO_FIND, endOnFailure: true });
  expect(out.failed, `nothing said ${mistake.found.source} in ${out.numRuns} runs from seed ${out.seed}`).toBe(true);
}, LIMIT);
