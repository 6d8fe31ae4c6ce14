/** Training: engines, the adversarial loop, data, and runs on disk. */

export {
  artifactFiles,
  freshCheckpoint,
  readArtifactFolder,
  writeArtifactFolder,
} from './artifact-folder.js';
export type { GeneratorMeasure } from './best-generator.js';
export type { RunLength } from './config.js';
export type { DataProgress, DatasetOptions } from './data/dataset.js';
export { DATASETS, type DatasetEntry, type DatasetName, openDataset } from './data/index.js';
export {
  POINT_DISTRIBUTIONS,
  type PointDistribution,
  type PointDistributionName,
} from './data/points/distributions.js';
export { DEVICES, type DeviceEntry, type DeviceName } from './devices.js';
export {
  type ChosenEngine,
  chooseEngine,
  ENGINES,
  type EngineEntry,
  type EngineName,
  type EngineSettings,
} from './engines.js';
export { loadTrainingApi } from './load-training-api.js';
export { createLoopEngine, type LoopEngine, type LoopEngineOptions } from './loop-engine.js';
export type { OrtModule } from './ort.js';
export { createPointTrainer, type PointTrainer, type PointTrainerOptions } from './point-trainer.js';
export { PRESETS, type Preset } from './presets.js';
export { createResidentEngine, type ResidentEngineOptions } from './resident-engine.js';
export { readRunCheckpoint, readStoredRun, type StoredRun } from './resume.js';
export { train } from './run.js';
export {
  type BestScore,
  decodeRunCheckpoint,
  encodeRunCheckpoint,
  type RunCheckpoint,
  type RunRecord,
} from './run-checkpoint.js';
export type { RunEvents, RunOptions, RunResult } from './run-options.js';
export { createSessionEngine, type SessionEngineOptions } from './session-engine.js';
export { type ScheduleName, UPDATE_SCHEDULES } from './update-schedules.js';
export * from './web.js';
