/** What the page and the worker in which it trains say to each other: requests with one answer each, and events. */

import type { GanName, GeneratorLoss } from '../../src/export/index.js';
import type { PointDistributionName } from '../../src/train/data/points/distributions.js';
import type { ScheduleName } from '../../src/train/update-schedules.js';

/** What runs the steps; `auto` is WebGPU where the browser has it and it works, else WASM. */
export type PlaygroundDevice = 'auto' | 'webgpu' | 'wasm' | 'training-api';

/** What G learns to imitate. */
export type DataChoice =
  /** A toy distribution with an exact density. */
  | { kind: 'points'; name: PointDistributionName }
  /** Points drawn by hand, float32 [n, dimension] within DRAWN_RANGE, at most MAX_DRAWN: a round Gaussian around each. */
  | { kind: 'drawn'; dimension: 1 | 2; points: Float32Array }
  /** The digits that gan-onnx draws itself. */
  | { kind: 'digits' }
  /**
   * The visitor's own image files, which never leave the page; decoded in the worker. None at all stands for the images of
   * the run that is open, in its size: after a reload there are no files any more.
   */
  | { kind: 'images'; files: readonly File[] };

/** All that decides a run. */
export interface Settings {
  data: DataChoice;
  /** Network pair; for points there is one, of two hidden layers. */
  network: GanName | 'points';
  /** Units of each hidden layer of the networks for points. */
  units: number;
  /** Components of a latent. */
  latentSize: number;
  /** Width and height in pixels, and 1 or 3, for images. */
  imageSize: number;
  channels: 1 | 3;
  loss: GeneratorLoss;
  optimizer: 'adam' | 'sgd';
  learningRate: number;
  /** Adam's b1, or SGD's momentum. */
  momentum: number;
  schedule: ScheduleName;
  /** Updates of D for each of G. */
  k: number;
  batchSize: number;
  seed: number;
  device: PlaygroundDevice;
}

/** A run that is open in the worker. */
export interface RunInfo {
  settings: Settings;
  /** Steps done. */
  step: number;
  /** What runs the steps in fact. */
  device: Exclude<PlaygroundDevice, 'auto'>;
  /** Threads of WASM; 1 where the page is not cross-origin isolated. */
  threads: number;
  /** Images in the data; undefined where there are as many points as one wants. */
  count?: number;
  /** Parameters of each network. */
  parameters: { generator: number; discriminator: number };
  /** Files of the visitor that were left out, with the reason. */
  skipped: readonly { name: string; reason: string }[];
  /** What the visitor should know, for example that WebGPU was asked for and is not there; one line each. */
  notices: readonly string[];
}

/** A file to be downloaded, or one that was brought along. */
export interface NamedFile {
  name: string;
  bytes: Uint8Array;
}

/** What is asked of the worker, and what it answers. Errors come back as one line for the visitor. */
export interface Requests {
  /** Begins a new run, paused before its first step. What was trained before is given up. */
  start(settings: Settings): RunInfo;
  /** Opens the run in the browser's own storage, paused; undefined where there is none that can be read. */
  restore(): RunInfo | undefined;
  /**
   * Opens the checkpoint of another run: the files of a folder of `checkpoints/`, or a zip of them, as `take` gives it;
   * `generator.onnx` can only be looked at, and is opened with `view`.
   */
  bring(files: readonly NamedFile[]): RunInfo;
  /** Shows a generator.onnx beside the run, in the latent explorer; null goes back to the run's own. */
  view(file: NamedFile | null): ExplorerInfo;
  /** Trains until `pause`. */
  play(): void;
  /** Resolves after the step in progress, when all is saved. */
  pause(): RunInfo;
  /** Some steps, and pauses. */
  step(count: number): RunInfo;
  /** How often to look at G and D while training, in milliseconds, and which samples to draw. */
  watch(options: { interval: number; seed: number; count: number }): void;
  /** A look at once. */
  look(): Look;
  /** Images or points of the generator that is shown, for latents float32 [n, latentSize]. */
  explore(latents: Float32Array): Drawing;
  /** Files to take home. `page` is a zip of a static page, `checkpoint` a zip of a run folder for `gan-onnx train --resume`. */
  take(what: 'generator' | 'checkpoint' | 'page'): NamedFile;
  /** Removes the run from the browser's storage. */
  forget(): void;
}

/** Of the generator that `explore` draws with. */
export interface ExplorerInfo {
  /** `run`, or the name of the file that was brought along. */
  source: string;
  latentSize: number;
  distribution: 'normal' | 'uniform';
}

/** Images as the page draws them, or points. */
export type Drawing =
  /** RGBA, [count, height, width, 4]. */
  | { kind: 'images'; count: number; width: number; height: number; rgba: Uint8ClampedArray<ArrayBuffer> }
  /** float32 [count, dimension]. */
  | { kind: 'points'; count: number; dimension: 1 | 2; points: Float32Array };

/** G and D as they stand after `step`. */
export type Look = { step: number } & (
  | {
      kind: 'images';
      /** G at fixed latents, the same at every look. */
      samples: Drawing & { kind: 'images' };
      /** G over a square of its latent space, row by row: half of the components go through their quantiles along each side. */
      manifold: Drawing & { kind: 'images' };
      /** Some images of the data. */
      data: Drawing & { kind: 'images' };
    }
  | {
      /** The paper's Figure 1. All arrays have one entry for each x, in rising order, but `arrows`. */
      kind: 'line';
      x: Float32Array;
      /** Density of the data, and of what G makes (from many samples). */
      dataDensity: Float32Array;
      generatorDensity: Float32Array;
      /** D(x), and p_data / (p_data + p_g), in [0, 1]. */
      discriminator: Float32Array;
      optimal: Float32Array;
      /** Latents and where G takes them: [n, 2], z and x. */
      arrows: Float32Array;
      /** Jensen-Shannon divergence between p_data and p_g in nats; 0 when they agree, log 2 at most. */
      divergence: number;
    }
  | {
      kind: 'plane';
      /** Of both axes. */
      range: readonly [number, number];
      /** Cells along each axis of `discriminator`, which begins at the smallest x and y, y by y. */
      cells: number;
      /** D in the middle of each cell, in [0, 1]; and p_data / (p_data + p_g). */
      discriminator: Float32Array;
      optimal: Float32Array;
      /** [n, 2]: some points of the data, and the same number that G makes of fixed latents. */
      data: Float32Array;
      generated: Float32Array;
      /** Where G takes a grid of latents: [lines, points of a line, 2], first the lines along one axis, then along the other. */
      manifold: Float32Array;
      manifoldLines: number;
      divergence: number;
    }
);

/** One step's numbers. */
export interface StepRow {
  step: number;
  dLoss: number;
  gLoss: number;
  /** Means of D(x) and D(G(z)). */
  dReal: number;
  dFake: number;
}

export type PlaygroundEvent =
  /** Rows of the steps since the last such event, at most some ten events a second. */
  | { kind: 'steps'; rows: readonly StepRow[]; stepsPerSecond: number }
  | { kind: 'look'; look: Look }
  /** Something slow goes on: opening a device, decoding images, drawing the digits. */
  | { kind: 'progress'; message: string; done?: number; total?: number }
  /** The run was put into the browser's storage. */
  | { kind: 'saved'; step: number }
  /** One line for the visitor; the page goes on. */
  | { kind: 'notice'; message: string }
  /** Training has stopped by itself: it diverged, the device is lost, ...; what was trained up to the last save is there. */
  | { kind: 'stopped'; message: string };

/** Messages from the page. */
export type ToWorker = {
  [Name in keyof Requests]: { id: number; request: Name; argument: Parameters<Requests[Name]>[0] };
}[keyof Requests];

/** Messages to the page. */
export type ToPage =
  | { id: number; answer: unknown }
  | { id: number; error: string }
  | { event: PlaygroundEvent };
