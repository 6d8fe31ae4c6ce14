import { describe, expect, it } from 'vitest';
import { withoutRejoining } from '../../src/export/rejoined.js';
import type { NodeProto } from '../../src/onnx/index.js';

const CONSTANTS: Record<string, readonly number[]> = {
  sizes: [6, 2],
  matrix: [2, 3],
  six: [6],
  flat: [1, 6],
};

const node = (op_type: string, input: string[], output: string[], axis?: number): NodeProto => ({
  op_type,
  input,
  output,
  ...(axis === undefined ? {} : { attribute: [{ name: 'axis', i: axis, type: 2 }] }),
});

const split = node('Split', ['v', 'sizes'], ['a', 'b'], 0);
const reshaped = [
  node('Reshape', ['a', 'matrix'], ['m']),
  node('Reshape', ['m', 'six'], ['a again']),
  node('Reshape', ['m', 'flat'], ['a as a row']),
];

/** What the reader of a join reads in the end. */
function read(join: NodeProto, first = split): string {
  const nodes = [first, ...reshaped, join, node('Sqrt', ['joined'], ['root'])];
  return withoutRejoining(nodes, (name) => CONSTANTS[name]).at(-1)!.input![0]!;
}

describe('a vector that is split and joined again', () => {
  it('is read itself, whatever shapes its parts had meanwhile', () => {
    expect(read(node('Concat', ['a', 'b'], ['joined'], 0))).toBe('v');
    expect(read(node('Concat', ['a again', 'b'], ['joined'], 0))).toBe('v');
    expect(read(node('Concat', ['a again', 'b'], ['joined']))).toBe('v');
  });

  it.each<[string, NodeProto, NodeProto?]>([
    ['in another order', node('Concat', ['b', 'a again'], ['joined'], 0)],
    ['without one of its parts', node('Concat', ['a again'], ['joined'], 0)],
    ['with something else', node('Concat', ['a again', 'b', 'c'], ['joined'], 0)],
    ['with a part in another shape', node('Concat', ['m', 'b'], ['joined'], 0)],
    ['with a part as a row', node('Concat', ['a as a row', 'b'], ['joined'], 0)],
    ['along another axis', node('Concat', ['a again', 'b'], ['joined'], 1)],
    [
      'after a split along another axis',
      node('Concat', ['a again', 'b'], ['joined'], 0),
      node('Split', ['v', 'sizes'], ['a', 'b'], 1),
    ],
  ])('is not the same %s', (_, join, first) => {
    expect(read(join, first)).toBe('joined');
  });

  it('is followed from join to join', () => {
    const nodes = [
      split,
      node('Concat', ['a', 'b'], ['joined'], 0),
      node('Split', ['joined', 'sizes'], ['c', 'd'], 0),
      node('Concat', ['c', 'd'], ['again'], 0),
      node('Sqrt', ['again'], ['root']),
    ];
    expect(withoutRejoining(nodes, (name) => CONSTANTS[name]).map(({ input }) => input![0])).toEqual([
      'v',
      'a',
      'v',
      'c',
      'v',
    ]);
  });
});
