// Numbers that look random and follow from the seed: a run is repeated by its seed, and saved with its state. Source: "splitmix32", after Steele et al. 2014.

export class Random {
  state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** 0..2^32-1. */
  next(): number {
    let z = (this.state = (this.state + 0x9e37_79b9) | 0);
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }
  /** 0..n-1. */
  below(n: number): number {
    return this.next() % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  /** True once in n. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }
}
