/** Vectors that were split into parts and are joined again unchanged, as small parameters are from one step to the next. */

import type { NodeProto } from '../onnx/index.js';

/** Where a value comes from: part `part` of a Split, whatever shape it has taken since. */
interface Origin {
  split: NodeProto;
  part: number;
}

/** Numbers of the small constants among the inputs of nodes, by name. */
export type Integers = (name: string) => readonly number[] | undefined;

/** Attributes that are left away are 0, in messages and for these operators. */
const isAlongFirstAxis = ({ attribute = [] }: NodeProto): boolean =>
  attribute.every(({ name, i = 0 }) => name !== 'axis' || i === 0);

class Rejoining {
  private readonly origins = new Map<string, Origin>();
  /**
   * Values that are a part as it was split off, or as a vector as long as the part: where the one and the other are joined, all are
   * vectors.
   */
  private readonly unchanged = new Set<string>();
  private readonly renamed = new Map<string, string>();

  constructor(private readonly integers: Integers) {}

  /** The node with what it reads, and what is to be known of what it gives. */
  next(given: NodeProto): NodeProto {
    const node = { ...given, input: given.input!.map((name) => this.renamed.get(name) ?? name) };
    const [output] = node.output as [string];
    if (node.op_type === 'Split' && isAlongFirstAxis(node)) {
      for (const [part, name] of node.output!.entries()) {
        this.origins.set(name, { split: node, part });
        this.unchanged.add(name);
      }
    } else if (node.op_type === 'Reshape') {
      this.reshape(node, output);
    } else if (node.op_type === 'Concat' && isAlongFirstAxis(node)) {
      const vector = this.vectorOf(node);
      if (vector !== undefined) this.renamed.set(output, vector);
    }
    return node;
  }

  private reshape({ input }: NodeProto, output: string): void {
    const [reshaped, target] = input as [string, string];
    const origin = this.origins.get(reshaped);
    if (origin === undefined) return;
    this.origins.set(output, origin);
    const size = this.integers(origin.split.input![1]!)?.[origin.part];
    const shape = this.integers(target);
    if (shape?.length === 1 && shape[0] === size) this.unchanged.add(output);
  }

  /** The vector that a Concat puts together again: its inputs are all parts of one Split in their order. */
  private vectorOf({ input }: NodeProto): string | undefined {
    const parts = input!.map((name) => (this.unchanged.has(name) ? this.origins.get(name) : undefined));
    const split = parts[0]?.split;
    if (split === undefined || split.output!.length !== parts.length) return undefined;
    const inOrder = parts.every((origin, i) => origin?.split === split && origin.part === i);
    return inOrder ? split.input![0] : undefined;
  }
}

/**
 * The same nodes, in which readers of a vector that is joined again read the one that was split. Its join stays, without readers.
 *
 * @param nodes in an order in which they can run
 */
export function withoutRejoining(nodes: readonly NodeProto[], integers: Integers): NodeProto[] {
  const rejoining = new Rejoining(integers);
  return nodes.map((node) => rejoining.next(node));
}
