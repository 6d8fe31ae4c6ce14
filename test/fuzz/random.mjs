/** Random choices of the fuzzer: mutant k of a seed makes the same choices on every machine. */

import { philox4x32 } from '../../dist/random/index.js';

/** Integers at which code tends to go wrong. */
const EDGES = [
  0,
  1,
  2,
  7,
  8,
  63,
  64,
  65,
  255,
  256,
  4096,
  65_535,
  65_536,
  2 ** 20,
  2 ** 24,
  2 ** 28,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 62,
];

export class Random {
  #words = new Uint32Array(64);
  #used = 64;
  #block = 0;

  constructor(seed, mutant) {
    this.key = [seed >>> 0, mutant >>> 0];
  }

  /** 32 random bits. */
  bits() {
    if (this.#used === this.#words.length) {
      philox4x32([0, this.#block++, 0, 0], this.key, this.#words);
      this.#used = 0;
    }
    return this.#words[this.#used++];
  }

  /** An integer in [0, limit). */
  below(limit) {
    return Math.floor((this.bits() / 2 ** 32) * limit);
  }

  /** An integer in [low, high]. */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  chance(probability) {
    return this.bits() < probability * 2 ** 32;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** A name of a table, each as often as its weight says. */
  weighted(weights) {
    const total = Object.values(weights).reduce((a, b) => a + b, 0);
    let at = this.below(total);
    for (const [name, weight] of Object.entries(weights)) {
      at -= weight;
      if (at < 0) return name;
    }
    throw new RangeError('no weights');
  }

  /** A length from 1 to `limit`, short ones most often. */
  length(limit) {
    return 1 + this.below(Math.min(limit, 2 ** this.below(12)));
  }

  /** An integer of the kind that breaks things, about a third of them negative. */
  edge() {
    const value = this.pick(EDGES);
    return this.chance(0.3) ? -value : value;
  }

  bytes(length) {
    return Uint8Array.from({ length }, () => this.bits() & 255);
  }
}
