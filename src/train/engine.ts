/**
 * What runs the step graphs. An engine holds the state of training wherever that is fastest and lets the loop see
 * only what it asks for.
 */

import type { GanState, Metric, StepGraphName } from '../export/index.js';

/** What the host feeds to one step. */
export interface StepInputs {
  /** Samples in the batch, or in this process's share of it. */
  batchSize: number;
  /** Where several processes share the batch: its size in all, and which of its samples is the first here. */
  whole?: { size: number; first: number };
  /** Images, uint8 [batchSize, C, H, W], or points, float32 [batchSize, D]; for graphs that take a batch. */
  real?: Uint8Array | Float32Array;
  /** Latents float32 [batchSize, latent] and masks uint8 [batchSize, features] by input name. */
  noise: Readonly<Record<string, Float32Array | Uint8Array>>;
}

/** What a run brings back beside the new state. */
export interface Wants {
  /** G's batch. */
  generated: boolean;
  /** Losses and the like; true by default. Without them a GPU need not be waited for. */
  metrics?: boolean;
}

export interface StepResult {
  /** Empty when they were not asked for. */
  metrics: Partial<Record<Metric, number>>;
  /** G's batch from before the update, float32 [batchSize, C, H, W] in [-1, 1] or [batchSize, D]; when asked for. */
  generated?: Float32Array;
}

export interface Engine {
  /** Runs one step graph and moves the state to its next value. */
  run(graph: StepGraphName, inputs: StepInputs, wants?: Wants): Promise<StepResult>;
  /**
   * Runs whole steps in one call, exactly as single runs in the same order would; where the engine can.
   *
   * @param steps for each step the inputs of each of its runs, all of one batch size
   * @returns the metrics of each step
   */
  runMany?(steps: readonly (readonly StepInputs[])[]): Promise<Partial<Record<Metric, number>>[]>;
  /** A copy of the state as it stands. */
  readState(): Promise<GanState>;
  /** Frees what the engine holds. */
  close(): Promise<void>;
}
