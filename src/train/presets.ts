/** Named bundles of settings. A preset is named after its source; what it leaves out stays at the defaults. */

import type { OptimizerSpec } from '../export/index.js';
import { ADAM, type RunConfig } from './config.js';

/**
 * The optimiser of the 2014 paper's authors: the rate is divided by 1.000004 after each update, momentum grows from 0.5 to
 * 0.7 within 250 epochs.
 */
function goodfellowSgd(learningRate: number, epochSteps: number): OptimizerSpec {
  return {
    kind: 'sgd',
    learningRate: { kind: 'exponential', initial: learningRate, factor: 1 / 1.000004, minimum: 1e-6 },
    momentum: { kind: 'linearByEpoch', from: 0.5, to: 0.7, epochs: 249, epochSteps },
  };
}

export interface Preset {
  /** One line for a list of presets. */
  description: string;
  settings: Partial<RunConfig>;
}

export const PRESETS: Readonly<Record<string, Preset>> = {
  quick: {
    description: 'the embedded digits in about a minute on two cores, with a small network',
    settings: {
      gan: 'mlp',
      dataset: 'digits',
      latentSize: 64,
      optimizer: { ...ADAM, learningRate: { kind: 'constant', value: 5e-4 } },
      maxSteps: 4000,
      sampleInterval: 500,
    },
  },
  'pytorch-gan': {
    description: 'gan.py of PyTorch-GAN to the letter: MNIST, 200 epochs',
    settings: { gan: 'pytorch-gan', dataset: 'mnist' },
  },
  'goodfellow-mnist': {
    description:
      "the 2014 paper's MNIST result by its authors' own settings: maxout, dropout, SGD with momentum",
    settings: {
      gan: 'goodfellow-mnist',
      dataset: 'mnist',
      trainImages: 50_000,
      batchSize: 100,
      optimizer: goodfellowSgd(0.1, 50_000 / 100),
      // Beside the authors' G, which it leaves as it is: its average over about 100 epochs.
      emaDecay: 0.99998,
      // The authors' code has no end of its own; 1000 epochs take hours.
      epochs: 1000,
      sampleInterval: 500,
      checkpointInterval: 2500,
    },
  },
  dcgan: {
    description: 'dcgan.py of PyTorch-GAN to the letter: MNIST at 32 pixels, convolutions, 200 epochs',
    settings: { gan: 'dcgan', dataset: 'mnist', imageSize: 32 },
  },
  'goodfellow-cifar-fc': {
    description:
      "the 2014 paper's fully connected CIFAR-10 networks: 127 million parameters, 6 GiB of memory",
    settings: {
      gan: 'goodfellow-cifar-fc',
      dataset: 'cifar10',
      imageSize: 32,
      channels: 3,
      trainImages: 40_000,
      batchSize: 100,
      optimizer: goodfellowSgd(0.025, 40_000 / 100),
      epochs: 1000,
      sampleInterval: 400,
      checkpointInterval: 400,
    },
  },
  'goodfellow-cifar-conv': {
    description: "the 2014 paper's convolutional CIFAR-10 networks: 77 million parameters, 5 GiB of memory",
    settings: {
      gan: 'goodfellow-cifar-conv',
      dataset: 'cifar10',
      imageSize: 32,
      channels: 3,
      trainImages: 40_000,
      batchSize: 128,
      // An epoch ends with a smaller batch.
      optimizer: goodfellowSgd(0.004, Math.ceil(40_000 / 128)),
      epochs: 1000,
      sampleInterval: 313,
      checkpointInterval: 313,
    },
  },
};
