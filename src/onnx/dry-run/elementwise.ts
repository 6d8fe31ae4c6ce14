/** Operators that work element by element: the shape of the result is that of the inputs, broadcast. */

import { formatDims } from '../invalid-model.js';
import { DATA_TYPES } from '../messages.js';
import {
  BOOL,
  type Call,
  FLOAT,
  isInteger,
  like,
  type Outline,
  outline,
  product,
  type Rule,
} from './call.js';

export function broadcast(call: Call, shapes: readonly (readonly number[])[]): number[] {
  const rank = shapes.reduce((most, { length }) => Math.max(most, length), 0);
  const result = Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (const [i, dim] of shape.entries()) {
      const at = rank - shape.length + i;
      if (result[at] === 1) result[at] = dim;
      else if (dim !== 1 && dim !== result[at]) {
        call.fail(`${formatDims(result)} and ${formatDims(shape)} do not broadcast`);
      }
    }
  }
  return result;
}

/** Position in a tensor of `shape` of element `index` of what it is broadcast to. */
function sourceIndex(index: number, target: readonly number[], shape: readonly number[]): number {
  let rest = index;
  let at = 0;
  let stride = 1;
  for (let i = 1; i <= shape.length; i++) {
    const size = target.at(-i)!;
    const dim = shape.at(-i)!;
    if (dim > 1) at += (rest % size) * stride;
    rest = Math.floor(rest / size);
    stride *= dim;
  }
  return at;
}

/** No more than these are put together to a size. */
const MAX_OPERANDS = 16;

/** The elements of `f` over broadcast inputs, if those of all inputs are known. */
export function mapValues(
  inputs: readonly Outline[],
  shape: readonly number[],
  f: (...args: number[]) => number,
): number[] | undefined {
  if (inputs.length > MAX_OPERANDS || inputs.some(({ values }) => values === undefined)) return undefined;
  return Array.from({ length: product(shape) }, (_, k) =>
    f(...inputs.map((input) => input.values![sourceIndex(k, shape, input.shape)]!)),
  );
}

/** One input, or a first one that decides; `f` is for elements that are sizes. */
export function unary(f?: (x: number) => number, type?: number): Rule {
  return (call) => {
    const x = call.input(0);
    return [outline(type ?? x.type, x.shape, () => (f === undefined ? undefined : x.values?.map(f)))];
  };
}

/** As many inputs as there are, broadcast. */
export function broadcasting(f?: (...args: number[]) => number, type?: number): Rule {
  return (call) => {
    const inputs = call.allInputs();
    const shape = broadcast(
      call,
      inputs.map((input) => input.shape),
    );
    const values = () => (f === undefined ? undefined : mapValues(inputs, shape, f));
    return [outline(type ?? inputs[0]!.type, shape, values)];
  };
}

export const comparison = (f: (a: number, b: number) => boolean): Rule =>
  broadcasting((a, b) => Number(f(a!, b!)), BOOL);

const INT64_MIN = -(2 ** 63);
const INT32_MIN = -(2 ** 31);

/**
 * Integer division: by zero, and of the smallest integer by -1, it ends the process, so the divisor must be known and
 * harmless.
 */
function checkDivisor(call: Call): void {
  const [dividend, divisor] = call.allInputs();
  if (dividend === undefined || divisor === undefined || !isInteger(dividend.type)) return;
  const divisors =
    divisor.values ?? call.fail('it divides integers by numbers that are not known beforehand');
  if (divisors.includes(0)) call.fail('it divides integers by zero');
  const smallest = dividend.values?.some((x) => x <= INT64_MIN || x === INT32_MIN) ?? true;
  if (divisors.includes(-1) && smallest) call.fail('it divides integers that may overflow by -1');
}

export const division: Rule = (call) => {
  checkDivisor(call);
  const whole = isInteger(call.input(0).type);
  return broadcasting((a, b) => (whole ? Math.trunc(a! / b!) : a! / b!))(call);
};

export const modulo: Rule = (call) => {
  checkDivisor(call);
  const likeC = call.int('fmod', 0) !== 0;
  return broadcasting((a, b) => (likeC ? a! % b! : a! - b! * Math.floor(a! / b!)))(call);
};

export const where: Rule = (call) => {
  const [condition, a, b] = [call.input(0), call.input(1), call.input(2)];
  const shape = broadcast(call, [condition.shape, a.shape, b.shape]);
  const values = () => mapValues([condition, a, b], shape, (c, x, y) => (c ? x! : y!));
  return [outline(a.type, shape, values)];
};

/** How a number is rounded to a type; sizes, axes and scales are of no other types. */
function conversion(type: number): ((x: number) => number) | undefined {
  if (type === BOOL) return (x) => Number(x !== 0);
  if (type === FLOAT) return Math.fround;
  if (type === DATA_TYPES.float64) return (x) => x;
  return isInteger(type) ? Math.trunc : undefined;
}

export const cast: Rule = (call) => {
  const x = call.input(0);
  const type = call.int('to', 0);
  const convert = conversion(type);
  return [outline(type, x.shape, () => (convert === undefined ? undefined : x.values?.map(convert)))];
};

export const castLike: Rule = (call) => [{ type: call.input(1).type, shape: call.input(0).shape }];

export const dropout: Rule = (call) => [like(call.input(0)), { type: BOOL, shape: call.input(0).shape }];
