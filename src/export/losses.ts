/**
 * The adversarial losses of "Generative Adversarial Nets" (Goodfellow et al., 2014), on logits: with D = sigmoid(l),
 * -log D = softplus(-l) and -log(1 - D) = softplus(l), which neither overflow nor saturate for any logit.
 */

import type { Value } from './value.js';

/** What the generator minimises, from D's logits [N, 1] of its samples; a scalar. */
export const GENERATOR_LOSSES = {
  /** -log D(G(z)), the paper's section 3 advice: strong gradients while D wins. */
  nonsaturating: (logits: Value): Value => logits.neg().softplus().mean(),
  /** log(1 - D(G(z))), the minimax game of the paper's equation 1. */
  minimax: (logits: Value): Value => logits.softplus().mean().neg(),
} as const;

export type GeneratorLoss = keyof typeof GENERATOR_LOSSES;

/** What G goes on with when a run changes its objective. */
export const OTHER_LOSS = { nonsaturating: 'minimax', minimax: 'nonsaturating' } as const satisfies Record<
  GeneratorLoss,
  GeneratorLoss
>;

/**
 * What the generator minimises at a step: `first`, and the other one of the two from step `switchStep` on.
 *
 * @param logits D's logits [N, 1] of G's samples
 * @param step updates of G done before this one, a scalar of the logits' type
 */
export function generatorLoss(
  first: GeneratorLoss,
  logits: Value,
  { switchStep, step }: { switchStep: number; step: Value },
): Value {
  const [before, after] = [first, OTHER_LOSS[first]].map((name) => GENERATOR_LOSSES[name](logits));
  return step.less(switchStep).where(before!, after!);
}

/**
 * What the discriminator minimises: binary cross-entropy, the mean of real and generated (-V(D, G) / 2 in the
 * paper's terms).
 *
 * @param real logits [N, 1] of real images
 * @param fake logits [N, 1] of generated ones
 */
export function discriminatorLoss(real: Value, fake: Value): Value {
  return real.neg().softplus().mean().add(fake.softplus().mean()).mul(0.5);
}
