/** Optimisers as data, and their updates as functions from gradient values to new values in the graph. */

import type { Value } from './graph.js';
import { type Schedule, scheduleValue } from './schedules.js';

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

/** Updates one parameter from its gradient; what depends on the step alone is computed once, outside. */
export type UpdateRule = (parameter: Value, gradient: Value, slots: readonly Value[]) => ParameterUpdate;

interface Optimizer<S> {
  /** Names of the tensors that it keeps for each parameter, all shaped like the parameter, initially zero. */
  slots: readonly string[];
  rule(spec: S, step: Value): UpdateRule;
}

/**
 * 1 - base^exponent without the cancellation that a base near 1 brings: with u = exponent log base,
 * 1 - e^u = -2 t / (1 - t) for t = tanh(u / 2).
 */
function oneMinusPower(base: number, exponent: Value): Value {
  const t = exponent.mul(Math.log(base) / 2).tanh();
  return t.mul(-2).div(t.sub(1).neg());
}

const OPTIMIZERS: { [K in OptimizerKind]: Optimizer<SpecOf<K>> } = {
  /**
   * torch.optim.Adam's arithmetic (Kingma and Ba, 2015): m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2,
   * p <- p - lr / c1 * m / (sqrt(v) / sqrt(c2) + eps) with c = 1 - b^t. The corrections are moved out of the
   * elementwise part: p <- p - m / (sqrt(v) + eps sqrt(c2)) * (lr sqrt(c2) / c1).
   */
  adam: {
    slots: ['momentum0', 'momentum1'],
    rule({ learningRate, b1, b2, eps }, step) {
      const updates = step.add(1);
      const root = oneMinusPower(b2, updates).sqrt();
      const size = scheduleValue(learningRate, step).mul(root).div(oneMinusPower(b1, updates));
      const floor = root.mul(eps);
      return (parameter, gradient, [m, v]) => {
        const nextM = m!.mul(b1).add(gradient.mul(1 - b1));
        const nextV = v!.mul(b2).add(gradient.mul(gradient).mul(1 - b2));
        const direction = nextM.div(nextV.sqrt().add(floor));
        return { parameter: parameter.sub(direction.mul(size)), slots: [nextM, nextV] };
      };
    },
  },
  /** v <- momentum v - lr g, p <- p + v: the momentum of the 2014 paper's own code (and of pylearn2). */
  sgd: {
    slots: ['momentum0'],
    rule({ learningRate, momentum }, step) {
      const rate = scheduleValue(learningRate, step);
      const keep = scheduleValue(momentum, step);
      return (parameter, gradient, [velocity]) => {
        const next = velocity!.mul(keep).sub(gradient.mul(rate));
        return { parameter: parameter.add(next), slots: [next] };
      };
    },
  },
};

/** Names of the tensors that an optimiser keeps beside each parameter. */
export function optimizerSlots(kind: OptimizerKind): readonly string[] {
  return OPTIMIZERS[kind].slots;
}

/**
 * @param step updates done before this one, as a float scalar
 * @returns the function that updates one parameter
 */
export function updateRule(spec: OptimizerSpec, step: Value): UpdateRule {
  return (OPTIMIZERS[spec.kind] as Optimizer<OptimizerSpec>).rule(spec, step);
}
