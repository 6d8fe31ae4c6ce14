/** Training: engines, the adversarial loop, data, and runs on disk. */

export { UserError } from '../system/user-error.js';
export {
  configGan,
  DEFAULT_CONFIG,
  type RunConfig,
  type RunLength,
  runLength,
  validateConfig,
} from './config.js';
export {
  type Dataset,
  type DatasetDescription,
  type DatasetOptions,
  datasetInMemory,
} from './data/dataset.js';
export { DATASETS, type DatasetEntry, type DatasetName, openDataset } from './data/index.js';
export type { Engine, StepInputs, StepResult } from './engine.js';
export { PRESETS, type Preset } from './presets.js';
export { type RunEvents, type RunOptions, type RunResult, train } from './run.js';
export { createSessionEngine, type SessionEngineOptions } from './session-engine.js';
export {
  createTrainer,
  type EngineFactory,
  type StepReport,
  type Trainer,
  type TrainerOptions,
} from './trainer.js';
export { type ScheduleName, UPDATE_SCHEDULES } from './update-schedules.js';
