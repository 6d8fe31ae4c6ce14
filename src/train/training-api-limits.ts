/** What the models of the training API cannot compute, whatever the optimiser. */

import { configGan, type RunConfig } from './config.js';

/** Why a run's models do not fit the training API, as the end of a sentence; undefined when they do. */
export function trainingApiLimit(config: RunConfig): string | undefined {
  if (config.lossSwitchStep !== undefined) {
    return "--loss-switch-step: the training API's models do not know the step";
  }
  const gan = configGan(config);
  if ('contrastNorm' in gan && gan.contrastNorm !== undefined) {
    return `--network ${config.gan}: the training API hands images from G to D, and this G has no range for them`;
  }
  return undefined;
}
