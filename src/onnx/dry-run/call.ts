/** What the rules of a dry run see: outlines of tensors in place of tensors, and the call of one node. */

import { refuse } from '../invalid-model.js';
import { type AttributeProto, DATA_TYPES, type NodeProto, type TensorProto } from '../messages.js';
import { nodeLabel } from '../structure.js';
import { tensorNumbers } from '../tensor.js';

/** A tensor of which a dry run knows the size, and of a small one, such as sizes and axes, often the elements. */
export interface Outline {
  /** TensorProto.DataType */
  readonly type: number;
  readonly shape: readonly number[];
  readonly values?: readonly number[];
  /** Whether it is the same in every run: ONNX Runtime then computes it while loading, and keeps it. */
  readonly fixed?: boolean;
}

/** Elements of larger tensors are no sizes, axes or scales. */
const MAX_VALUES = 256;

export const BOOL = DATA_TYPES.bool;
export const INT64 = DATA_TYPES.int64;
export const FLOAT = DATA_TYPES.float32;

const INTEGERS: readonly number[] = [2, 3, 4, 5, 6, 7, 12, 13, 21, 22];

export function isInteger(type: number): boolean {
  return INTEGERS.includes(type);
}

export function product(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

/** An outline, with the elements if they are known and few. */
export function outline(
  type: number,
  shape: readonly number[],
  values?: () => readonly number[] | undefined,
): Outline {
  const few = shape.every((dim) => Number.isInteger(dim) && dim >= 0) && product(shape) <= MAX_VALUES;
  const known = few ? values?.() : undefined;
  return known === undefined ? { type, shape } : { type, shape, values: known };
}

export function outlineOf(tensor: TensorProto): Outline {
  const shape = tensor.dims ?? [];
  const type = tensor.data_type ?? 0;
  return { ...outline(type, shape, () => tensorNumbers(tensor, product(shape))), fixed: true };
}

/** One node with outlines of its inputs. Its accessors refuse the model where the node lacks what is asked for. */
export class Call {
  private readonly attributes: ReadonlyMap<string, AttributeProto>;

  /**
   * @param inputs in the node's order; undefined for an optional one that is left out
   * @param version of the operator set
   */
  constructor(
    readonly node: NodeProto,
    readonly inputs: readonly (Outline | undefined)[],
    readonly version: number,
  ) {
    this.attributes = new Map((node.attribute ?? []).map((attribute) => [attribute.name ?? '', attribute]));
  }

  fail(message: string): never {
    refuse(`${nodeLabel(this.node)}: ${message}`);
  }

  input(index: number): Outline {
    return this.inputs[index] ?? this.fail(`its input ${index} is missing`);
  }

  /** All inputs of an operator with as many as it likes. */
  allInputs(): Outline[] {
    return this.inputs.map((_, index) => this.input(index));
  }

  /** The elements of an input on which sizes depend. */
  values(index: number): readonly number[] {
    const { values } = this.input(index);
    return values ?? this.fail(`the size of its output depends on computed data, its input ${index}`);
  }

  /** The elements of an input or, in older operator sets, of an attribute; undefined when there is neither. */
  valuesOr(index: number, attribute: string): readonly number[] | undefined {
    return this.inputs[index] === undefined ? this.ints(attribute) : this.values(index);
  }

  attribute(name: string): AttributeProto | undefined {
    return this.attributes.get(name);
  }

  int(name: string, otherwise: number): number {
    return this.attributes.get(name)?.i ?? otherwise;
  }

  ints(name: string): readonly number[] | undefined {
    return this.attributes.get(name)?.ints;
  }

  float(name: string, otherwise: number): number {
    return this.attributes.get(name)?.f ?? otherwise;
  }

  string(name: string, otherwise: string): string {
    const bytes = this.attributes.get(name)?.s;
    return bytes === undefined ? otherwise : new TextDecoder().decode(bytes);
  }

  /** An axis in [0, rank). */
  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (!(positive >= 0 && positive < rank)) this.fail(`it has no axis ${axis} among ${rank}`);
    return positive;
  }
}

/** Outlines of a node's outputs, in order; trailing ones that it does not have are ignored. */
export type Rule = (call: Call) => readonly Outline[];

/** The outline of an input, with other elements. */
export function like({ type, shape }: Outline): Outline {
  return { type, shape };
}
