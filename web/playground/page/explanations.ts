/** One sentence for each control and each picture, for a reader of the 2014 paper. */

import type { Settings } from '../protocol.js';

export const CONTROLS: Readonly<Record<keyof Settings, string>> = {
  data: 'What G learns to imitate; G never sees the data, only what D makes of its samples.',
  network: 'G turns latents into samples; D says how probable it is that a sample is from the data.',
  units: 'Units in each of the two hidden layers of G and of D: more can fit finer shapes, and take longer.',
  latentSize: 'Components of z, the noise that G turns into samples.',
  imageSize:
    'Width and height to which each image is brought, in pixels: a double size takes four times the work.',
  channels: 'Whether G makes grey or coloured images.',
  loss: 'What G minimises: the first still learns while D wins, the second is the paper’s minimax game to the letter.',
  optimizer:
    'How gradients move the parameters: Adam scales each by itself, SGD with momentum is what the paper used.',
  learningRate:
    'The length of a step: too long and the players circle or diverge, too short and nothing moves.',
  momentum: 'How much of the last step goes into the next one (Adam’s β₁); 0 keeps small games calm.',
  schedule:
    'Who moves when: D first is the paper’s Algorithm 1; at once, both answer the other’s last position.',
  k: 'Updates of D for each one of G, the k of Algorithm 1: with more, D is nearer its best answer to G.',
  batchSize: 'How many data and how many samples of G an update looks at.',
  seed: 'Decides every random number: the same seed and settings give the same run.',
  device: 'What runs the steps, all of which are ONNX graphs.',
};

export const PICTURES = {
  line:
    'The paper’s Figure 1: D learns to tell data from samples, p_g moves to where D says “data”, and in the end the two ' +
    'densities agree and D is 1/2 everywhere.',
  arrows: 'Below it, where G takes latents: evenly probable z go up to x, so arrows crowd where p_g is high.',
  plane:
    'D over the plane, with data and samples: where D cannot tell, the ground is plain; in the end it is plain ' +
    'wherever there are data.',
  folded: 'G bends this grid of latents into the plane: where its lines are dense, samples are many.',
  samples: 'What G makes of the same latents at every look: watch the same image change its mind.',
  manifold:
    'G over a square of latents, half of z along each side: neighbours in latent space should be neighbours in looks.',
  data: 'Some of the images that D sees as data.',
  judgement:
    'The mean of D over data, D(x), and over samples, D(G(z)): far apart while D wins, both 1/2 when it cannot tell.',
  losses: 'What each player minimises, in nats; log 2 is what D pays when it can only guess.',
  divergence:
    'The Jensen–Shannon divergence of p_data and p_g, which the paper proves this game minimises: 0 when they agree.',
  explorer:
    'Choose a latent by hand and see what G makes of it, and of the latents on the way from z₁ to z₂.',
} as const;

export const FILES = {
  generator: 'The generator alone, which any ONNX Runtime runs, and which `gan-onnx sample` draws from.',
  checkpoint:
    'All of the run, zipped: unzipped, `gan-onnx train --resume` goes on with it, and so does this page.',
  noPage: 'A static page shows images, and this G makes points.',
  page: 'A folder, zipped, with a page that shows this generator: put it on any static host.',
} as const;
