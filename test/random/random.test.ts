import { describe, expect, it } from 'vitest';
import {
  normalQuantile,
  randomPermutation,
  randomRows,
  toUnitInterval,
} from '../../src/random/distributions.js';
import { philox4x32, randomUint32, STREAMS } from '../../src/random/philox.js';

const words = (hex: string): number[] => hex.split(' ').map((word) => Number.parseInt(word, 16));

describe('philox4x32', () => {
  // Random123's kat_vectors.
  it.each([
    ['zeros', '0 0 0 0', '0 0', '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [
      'ones',
      'ffffffff ffffffff ffffffff ffffffff',
      'ffffffff ffffffff',
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    ],
    [
      'the digits of pi',
      '243f6a88 85a308d3 13198a2e 03707344',
      'a4093822 299f31d0',
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ])('gives the known answer for %s', (_, counter, key, expected) => {
    const out = new Uint32Array(4);
    philox4x32(words(counter) as [number, number, number, number], words(key) as [number, number], out);
    expect([...out]).toEqual(words(expected));
  });

  it('goes on with the next counter, and cuts the last block', () => {
    const blocks = [7, 8, 9].flatMap((first) => {
      const out = new Uint32Array(4);
      philox4x32([first, 1, 2, 3], [4, 5], out);
      return [...out];
    });
    const out = new Uint32Array(10);
    philox4x32([7, 1, 2, 3], [4, 5], out);
    expect([...out]).toEqual(blocks.slice(0, 10));
  });
});

describe('randomUint32', () => {
  const draw = (seed: number, stream: keyof typeof STREAMS, index: number, count = 8) => [
    ...randomUint32(seed, stream, index, new Uint32Array(count)),
  ];

  it('is Philox with the seed as key, and block, index and stream as counter', () => {
    const expected = new Uint32Array(8);
    philox4x32([0, 5, 2, STREAMS.shuffle], [7, 3], expected);
    expect(draw(3 * 2 ** 32 + 7, 'shuffle', 2 * 2 ** 32 + 5)).toEqual([...expected]);
  });

  it('a shorter draw is the beginning of a longer one', () => {
    for (const count of [0, 1, 3, 4, 5, 7]) {
      expect(draw(1, 'digits', 9, count)).toEqual(draw(1, 'digits', 9).slice(0, count));
    }
  });

  it('every seed, stream and index has its own draw', () => {
    const seeds = [0, 1, 2 ** 32, 2 ** 53 - 1].flatMap((seed) =>
      (Object.keys(STREAMS) as (keyof typeof STREAMS)[]).flatMap((stream) =>
        [0, 1, 2 ** 32, 2 ** 53 - 1].map((index) => String(draw(seed, stream, index))),
      ),
    );
    expect(new Set(seeds).size).toBe(seeds.length);
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses %s as seed and as index',
    (number) => {
      const expected = `${number}: expected an integer from 0 to 2^53 - 1`;
      expect(() => draw(number, 'digits', 0)).toThrow(`seed is ${expected}`);
      expect(() => draw(0, 'digits', number)).toThrow(`random index is ${expected}`);
    },
  );
});

describe('normalQuantile', () => {
  // From mpmath, for these doubles and not for the decimals that they are written as.
  it.each([
    [0.975, 1.9599639845400538],
    [0.9, 1.2815515655446006],
    [0.75, 0.6744897501960817],
    [0.6, 0.2533471031357997],
    [0.01, -2.326347874040841],
    [1e-9, -5.9978070150076865],
    [1e-20, -9.262340089798407],
    [1e-300, -37.0470962993612],
  ])('of %s is %s to 1e-14', (p, expected) => {
    expect(Math.abs(normalQuantile(p) / expected - 1)).toBeLessThan(1e-14);
  });

  it('is 0 at 1/2 and odd about it', () => {
    expect(normalQuantile(0.5)).toBe(0);
    for (const p of [1 / 1024, 3 / 64, 5 / 16]) expect(normalQuantile(1 - p)).toBe(-normalQuantile(p));
  });

  it('rises, also where its three approximations meet', () => {
    for (const joint of [0.075, 0.925, Math.exp(-25)]) {
      const step = Math.min(joint, 1 - joint) * 1e-6;
      const around = [-2, -1, 0, 1, 2].map((k) => normalQuantile(joint + k * step));
      const gaps = around.slice(1).map((x, i) => x - around[i]!);
      expect(Math.min(...gaps)).toBeGreaterThan(0);
      expect(Math.max(...gaps) / Math.min(...gaps)).toBeLessThan(1.001);
    }
  });
});

describe('toUnitInterval', () => {
  it('maps 32 bits into the open interval, symmetric about 1/2', () => {
    expect(toUnitInterval(0)).toBe(2 ** -33);
    expect(toUnitInterval(0xffffffff)).toBe(1 - 2 ** -33);
  });
});

describe('randomRows', () => {
  const options = (start: number) => ({ seed: 11, stream: 'sampleLatents', start }) as const;

  it('row i depends on its number alone, whatever batch it is drawn in', () => {
    for (const distribution of [{ kind: 'normal' }, { kind: 'uniform', halfWidth: Math.sqrt(3) }] as const) {
      const all = randomRows(distribution, { count: 10, width: 7 }, options(100));
      for (const [start, count] of [
        [100, 1],
        [104, 3],
        [109, 1],
      ] as const) {
        const part = randomRows(distribution, { count, width: 7 }, options(start));
        expect([...part]).toEqual([...all.subarray((start - 100) * 7, (start - 100 + count) * 7)]);
      }
    }
  });

  it('a row of a smaller width is the beginning of a wider one', () => {
    const wide = randomRows({ kind: 'normal' }, { count: 1, width: 9 }, options(0));
    expect([...randomRows({ kind: 'normal' }, { count: 1, width: 5 }, options(0))]).toEqual([
      ...wide.subarray(0, 5),
    ]);
  });

  it('normal values have the moments of N(0, 1)', () => {
    const values = randomRows({ kind: 'normal' }, { count: 1000, width: 100 }, options(0));
    const moment = (k: number) => values.reduce((sum, x) => sum + x ** k, 0) / values.length;
    // Four standard errors of each.
    expect(Math.abs(moment(1))).toBeLessThan(4 * Math.sqrt(1 / 1e5));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / 1e5));
    expect(Math.abs(moment(3))).toBeLessThan(4 * Math.sqrt(15 / 1e5));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / 1e5));
  });

  it('uniform values fill (-halfWidth, halfWidth) evenly', () => {
    const values = randomRows({ kind: 'uniform', halfWidth: 2 }, { count: 1000, width: 100 }, options(0));
    const bins = new Array<number>(16).fill(0);
    for (const x of values) bins[Math.floor((x + 2) * 4)]!++;
    const chiSquared = bins.reduce((sum, n) => sum + (n - 6250) ** 2 / 6250, 0);
    // 15 degrees of freedom: above 37.7 once in a thousand.
    expect(chiSquared).toBeLessThan(37.7);
  });
});

describe('randomPermutation', () => {
  const draw = (index: number, seed = 5) => ({ seed, stream: 'shuffle', index }) as const;

  it('holds every number once, for any length', () => {
    for (const length of [0, 1, 2, 3, 100, 2000]) {
      const order = [...randomPermutation(length, draw(3))].sort((a, b) => a - b);
      expect(order).toEqual(Array.from({ length }, (_, i) => i));
    }
  });

  it('is the same for the same seed and epoch, and another for another', () => {
    const first = String(randomPermutation(50, draw(0)));
    expect(String(randomPermutation(50, draw(0)))).toBe(first);
    expect(String(randomPermutation(50, draw(1)))).not.toBe(first);
    expect(String(randomPermutation(50, draw(0, 6)))).not.toBe(first);
  });

  it('all orders of three are about equally frequent', () => {
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 6000; epoch++) {
      const order = String(randomPermutation(3, draw(epoch)));
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const chiSquared = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(counts.size).toBe(6);
    // 5 degrees of freedom: above 20.5 once in a thousand.
    expect(chiSquared).toBeLessThan(20.5);
  });
});
