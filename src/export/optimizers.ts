/** Optimisers as data, and their updates as functions from gradient values to new values in the graph. */

import { type Schedule, scheduleValue } from './schedules.js';
import type { Value } from './value.js';

export type OptimizerSpec =
  | { kind: 'adam'; learningRate: Schedule; b1: number; b2: number; eps: number }
  | { kind: 'sgd'; learningRate: Schedule; momentum: Schedule };

export type OptimizerKind = OptimizerSpec['kind'];
type SpecOf<K extends OptimizerKind> = Extract<OptimizerSpec, { kind: K }>;

/** New values of one parameter and of its slots, in the order of the optimiser's `slots`. */
export interface ParameterUpdate {
  parameter: Value;
  slots: readonly Value[];
}

/**
 * Updates one parameter. `scaled` is its gradient times the optimiser's `gradientScale`; `zero`, where given, is a
 * scalar 0 that the parameter's new value must wait for.
 */
export type UpdateRule = (
  parameter: Value,
  scaled: Value,
  slots: readonly Value[],
  zero?: Value,
) => ParameterUpdate;

/** An optimiser at one step; what depends on the step alone is computed once, outside the elementwise part. */
export interface OptimizerStep {
  /** A factor that belongs on every gradient: put on the loss it is free, put on a weight's gradient it is a pass. */
  gradientScale: Value;
  update: UpdateRule;
}

interface Optimizer<S> {
  /** Names of the tensors that it keeps for each parameter, all shaped like the parameter, initially zero. */
  slots: readonly string[];
  /** What a slot holds, as a multiple of the textbook quantity that it stands for. */
  slotScales(spec: S): readonly number[];
  at(spec: S, step: Value, scheduleStep: Value): OptimizerStep;
}

/**
 * (1 - base^exponent) / 2 without the cancellation that a base near 1 brings: with u = exponent log base,
 * 1 - e^u = 2 t / (t - 1) for t = tanh(u / 2).
 */
function halfOneMinusPower(base: number, exponent: Value): Value {
  const t = exponent.mul(Math.log(base) / 2).tanh();
  return t.div(t.sub(1));
}

const OPTIMIZERS: { [K in OptimizerKind]: Optimizer<SpecOf<K>> } = {
  /**
   * torch.optim.Adam's arithmetic (Kingma and Ba, 2015): m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2,
   * p <- p - lr / c1 * m / (sqrt(v) / sqrt(c2) + eps) with c = 1 - b^t. Everything that can be is moved out of the
   * elementwise part: p <- p - m / (sqrt(v) + eps sqrt(c2)) * (lr sqrt(c2) / c1), and with gradients scaled by
   * s = sqrt(1 - b2), v <- b2 v + (s g)^2. The first slot holds m' = m s / (1 - b1), for which m' <- b1 m' + s g.
   */
  adam: {
    slots: ['momentum0', 'momentum1'],
    slotScales: ({ b1, b2 }) => [Math.sqrt(1 - b2) / (1 - b1), 1],
    at({ learningRate, b1, b2, eps }, step, scheduleStep) {
      const updates = step.add(1);
      // c1 = 2 half1 and c2 = 2 half2; the twos are folded into the constants.
      const half1 = halfOneMinusPower(b1, updates);
      const root = halfOneMinusPower(b2, updates).sqrt();
      const scale = Math.sqrt(1 - b2);
      const rate = scheduleValue(learningRate, scheduleStep).mul((Math.SQRT1_2 * (1 - b1)) / scale);
      const size = rate.mul(root).div(half1);
      const floor = root.mul(eps * Math.SQRT2);
      return {
        gradientScale: step.graph.scalar(scale, step.dtype),
        update(parameter, scaled, [m, v], zero) {
          const nextM = m!.mul(b1).add(scaled);
          const nextV = v!.mul(b2).add(scaled.mul(scaled));
          const direction = nextM.div(nextV.sqrt().add(floor));
          const after = zero === undefined ? size : size.add(zero);
          return { parameter: parameter.sub(direction.mul(after)), slots: [nextM, nextV] };
        },
      };
    },
  },
  /** v <- momentum v - lr g, p <- p + v: the momentum of the 2014 paper's own code (and of pylearn2). */
  sgd: {
    slots: ['momentum0'],
    slotScales: () => [1],
    at({ learningRate, momentum }, _, scheduleStep) {
      const keep = scheduleValue(momentum, scheduleStep);
      return {
        gradientScale: scheduleValue(learningRate, scheduleStep).neg(),
        update(parameter, scaled, [velocity], zero) {
          const kept = velocity!.mul(zero === undefined ? keep : keep.add(zero));
          const next = scaled.plusInProduct(kept);
          return { parameter: parameter.add(next), slots: [next] };
        },
      };
    },
  },
};

/** Names of the tensors that an optimiser keeps beside each parameter. */
export function optimizerSlots(kind: OptimizerKind): readonly string[] {
  return OPTIMIZERS[kind].slots;
}

/**
 * What each slot holds, as a multiple of the quantity that torch.optim keeps under that name (exp_avg, exp_avg_sq,
 * momentum_buffer's counterpart): for whoever exchanges moments with another optimiser.
 */
export function optimizerSlotScales(spec: OptimizerSpec): readonly number[] {
  return (OPTIMIZERS[spec.kind] as Optimizer<OptimizerSpec>).slotScales(spec);
}

/**
 * @param step updates done before this one since the moments were zero, as a float scalar
 * @param updatesBefore updates done before those, which only the schedules count
 * @returns the factor for the gradients, and the function that updates one parameter
 */
export function optimizerStep(spec: OptimizerSpec, step: Value, updatesBefore = 0): OptimizerStep {
  const scheduleStep = updatesBefore === 0 ? step : step.add(updatesBefore);
  return (OPTIMIZERS[spec.kind] as Optimizer<OptimizerSpec>).at(spec, step, scheduleStep);
}
