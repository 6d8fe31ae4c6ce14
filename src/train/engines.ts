/** The table of engines. A new one is an entry here and touches nothing else. */

import { type OptimizerSpec, trainingApiSupports } from '../export/index.js';
import { UserError } from '../system/user-error.js';
import type { Engine } from './engine.js';
import { loadTrainingApi } from './load-training-api.js';
import { createSessionEngine } from './session-engine.js';
import type { EngineFactory, EngineRequest } from './trainer.js';
import { createTrainingApiEngine } from './training-api-engine.js';

export interface EngineSettings {
  /** Threads inside an operator; by default one for each physical core. */
  threads?: number;
}

export interface EngineEntry {
  /** One line for a list of engines. */
  description: string;
  /** Whether it has the optimiser. */
  supports(optimizer: OptimizerSpec): boolean;
  create(request: EngineRequest, settings: EngineSettings): Promise<Engine>;
}

export const ENGINES = {
  session: {
    description: 'step graphs as inference sessions of onnxruntime-node',
    supports: () => true,
    create: (request, settings) => createSessionEngine({ ...request, ...settings }),
  },
  'training-api': {
    description: "ONNX Runtime's on-device training, which is WASM with one thread: Adam only",
    supports: trainingApiSupports,
    create: async ({ options, state }) =>
      createTrainingApiEngine({ api: await loadTrainingApi(), options, state }),
  },
} satisfies Record<string, EngineEntry>;

export type EngineName = keyof typeof ENGINES;

/**
 * The engine of that name, ready to be made.
 *
 * @throws UserError when there is none, or it lacks the optimiser
 */
export function engineFactory(
  name: EngineName,
  optimizer: OptimizerSpec,
  settings: EngineSettings = {},
): EngineFactory {
  if (!Object.hasOwn(ENGINES, name)) {
    throw new UserError(`engine ${name} is unknown: expected one of ${Object.keys(ENGINES).join(', ')}`);
  }
  const entry: EngineEntry = ENGINES[name];
  if (!entry.supports(optimizer)) {
    const able = Object.entries<EngineEntry>(ENGINES).flatMap(([other, { supports }]) =>
      supports(optimizer) ? [other] : [],
    );
    throw new UserError(
      `--engine ${name} has no ${optimizer.kind} optimiser: use --optimizer adam, or --engine ${able.join(' or ')}`,
    );
  }
  return (request) => entry.create(request, settings);
}
