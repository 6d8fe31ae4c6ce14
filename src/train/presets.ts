/** Named bundles of settings. A preset is named after its source; what it leaves out stays at the defaults. */

import { ADAM, type RunConfig } from './config.js';

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
  dcgan: {
    description: 'dcgan.py of PyTorch-GAN to the letter: MNIST at 32 pixels, convolutions, 200 epochs',
    settings: { gan: 'dcgan', dataset: 'mnist', imageSize: 32 },
  },
};
