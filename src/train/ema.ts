/**
 * An exponential moving average of G over training. G and D circle around each other, and the average of G's parameters
 * draws better samples than any one of the generators that it passes (Yazici et al. 2019, arXiv:1806.04498).
 */

import { type GanState, type NetworkSpec, networkParameters } from '../export/index.js';
import type { RunConfig } from './config.js';

/** Steps from one generator that goes into the average to the next: each is read from the engine's memory. */
export const EMA_INTERVAL = 100;

/** Whether a run keeps an average. */
export function isAveraged({ emaDecay = 0 }: Pick<RunConfig, 'emaDecay'>): boolean {
  return emaDecay > 0;
}

/**
 * What the generator after `step` steps weighs in the average: one minus the decay of the steps since the one before; and
 * more at first, so that each one weighs as much as steps were done (Shamir and Zhang 2013, arXiv:1212.1824, with eta = 1),
 * and what G was at the beginning is soon forgotten.
 *
 * @param decay of one step, in (0, 1)
 * @param step a multiple of EMA_INTERVAL, at least EMA_INTERVAL
 * @returns in (0, 1]; 1 for the first
 */
export function emaWeight(decay: number, step: number): number {
  const taken = step / EMA_INTERVAL;
  return Math.max(1 - decay ** EMA_INTERVAL, 2 / (taken + 1));
}

export class GeneratorEma {
  /** Parameters and running statistics by name, averaged, float32; undefined before the first is in. */
  state: GanState | undefined;

  /**
   * @param decay of one step, in (0, 1)
   * @param start the average so far, which is not changed
   */
  constructor(
    private readonly generator: NetworkSpec,
    private readonly decay: number,
    start?: GanState,
  ) {
    this.state = start;
  }

  /** Takes in the generator after `step` steps, a multiple of EMA_INTERVAL. `state` is that of a run; it is not kept. */
  add(step: number, state: GanState): void {
    const weight = this.state === undefined ? 1 : emaWeight(this.decay, step);
    // A new array each time: a checkpoint of the one before may still be on its way to the disk.
    this.state = new Map(
      networkParameters(this.generator).map(({ name, shape }) => {
        const now = state.get(name)!.data;
        const before = this.state?.get(name)?.data ?? now;
        const data = new Float32Array(now.length);
        for (let i = 0; i < data.length; i++) data[i] = before[i]! + weight * (now[i]! - before[i]!);
        return [name, { shape, data }];
      }),
    );
  }
}
