/** What a run is told, what it tells while it goes on, and what it comes to. */

import type { GeneratorMeasure } from './best-generator.js';
import type { RunConfig, RunLength } from './config.js';
import type { AnyDataset, DataProgress } from './data/dataset.js';
import type { DeviceName } from './devices.js';
import type { EngineName } from './engines.js';
import type { Note } from './health/doctor.js';
import type { BestScore, RunCheckpoint } from './run-checkpoint.js';
import type { SharedRun } from './shared-run.js';
import type { StepReport } from './trainer.js';

export interface RunOptions {
  config: RunConfig;
  /** Folder to write to; must be empty or absent unless `force` or `resume` is set. */
  out: string;
  /** Replaces the files of an earlier run in `out`. */
  force?: boolean;
  /** Goes on with the run in `out` from this checkpoint of it. */
  resume?: RunCheckpoint;
  /** Folder of the dataset's files, for datasets made of files. */
  dataDir?: string;
  /** Threads that decode image files; by default one for each core, at most 8. */
  dataWorkers?: number;
  /** Leaves broken image files out, rather than refusing them. */
  skipBroken?: boolean;
  /** What runs the steps; `session` by default. */
  engine?: EngineName;
  /** Where the session engine runs; `cpu` by default. */
  device?: DeviceName;
  /** Threads inside an operator; by default one for each physical core. */
  threads?: number;
  /** The most steps in one call of the engine; by default what suits the device, in calls of about a quarter of a second. */
  stepsPerCall?: number;
  /** Steps between two lines of metrics.jsonl: 1 by default on the CPU, 10 on a GPU, which waits for each reading. */
  logInterval?: number;
  /** Checkpoints to keep; 2 by default. */
  keep?: number;
  /** Judges generators, so that the best one is kept beside the last. */
  measure?: GeneratorMeasure;
  /**
   * What becomes of a run whose losses or parameters are no numbers any more: it ends (`stop`, the default), or returns
   * to its last good checkpoint, or to its beginning, and goes on with other latents and masks, at most 3 times.
   */
  onNan?: 'stop' | 'rollback';
  /** Version of gan-onnx, written into the files. */
  version: string;
  /** Where several processes train together, which each run the same options: this one's part. */
  shared?: SharedRun;
  /** Ends the run after the step in progress; what it learned is still written. */
  signal?: AbortSignal;
  on?: RunEvents;
}

/** What a run tells while it goes on. */
export interface RunEvents {
  /** Something slow begins: one line of text. */
  progress?(message: string): void;
  /** How far it has come; the last time `done` is `total`. */
  count?(progress: DataProgress): void;
  /** @param run.done steps that were done before, when the run was resumed */
  start?(run: { length: RunLength; done: number; dataset: AnyDataset['description']; out: string }): void;
  step?(report: StepReport, ms: number): void;
  /** A picture was written, in the step that made it or some steps later. */
  image?(path: string): void;
  /** A generator was judged. */
  score?(score: BestScore, isBest: boolean): void;
  /** Something was found that may go wrong, or the run returned to a checkpoint. */
  note?(note: Note): void;
}

export interface RunResult {
  /** Steps done. */
  steps: number;
  /** Whether the signal ended the run early. */
  interrupted: boolean;
  /** Path of the exported generator. */
  generator: string;
  /** Path of a picture of 100 samples of it. */
  samples: string;
  /** The best generator of the run, where one was judged. */
  best?: BestScore & { path: string };
  /** Path of the averaged generator, where one was kept. */
  ema?: string;
  /** Path of a page about the run. */
  report: string;
  /** Folder of the last checkpoint. */
  checkpoint: string;
}
