/** Training in a page: what of `gan-onnx/train` needs neither Node nor files. */

export { UserError } from '../system/user-error.js';
export { configGan, DEFAULT_CONFIG, type RunConfig, runLength, validateConfig } from './config.js';
export { type Dataset, type DatasetDescription, datasetInMemory } from './data/dataset.js';
export type { Engine, StepInputs, StepResult, Wants } from './engine.js';
export {
  createTrainer,
  type EngineFactory,
  type EngineRequest,
  type StepReport,
  type Trainer,
  type TrainerOptions,
  type TrainingPoint,
} from './trainer.js';
export {
  createTrainingApiEngine,
  type TrainingApi,
  type TrainingApiEngineOptions,
} from './training-api-engine.js';
export { LostGpuError, WEB_TARGETS, type WebDevice, type WebOrtModule, webEngine } from './web-engine.js';
