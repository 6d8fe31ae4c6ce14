/**
 * The models of ONNX Runtime's on-device-training API for G and for D: training, evaluation and optimiser model, from
 * the same layers, losses and gradients as the step graphs. A training model's inputs are what the host feeds, each
 * parameter, a gradient buffer for each trained one, and `lazy_reset_grad`, told apart by their names; the loss is its
 * first output.
 *
 * D's parameters reach G's models as one flat input, the way the API gives them out. Running statistics are
 * parameters without a gradient, which the training model itself overwrites in place.
 */

import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import { HostInputs, maskPrefixOfGenerator, type NoiseSpec, toSamples } from './host-inputs.js';
import { discriminatorLoss, GENERATOR_LOSSES } from './losses.js';
import { forward, networkParameters, runningAfter } from './networks.js';
import { buildOptimizerModel } from './optimizer-model.js';
import type { Shape } from './shape.js';
import type { NetworkName } from './state.js';
import type { Metric, StepGraphOptions } from './step-graphs.js';
import { typedArray } from './typed-arrays.js';
import type { Value } from './value.js';

/** Name of the input of G's models that takes all of D's parameters in order, float32 [P]. */
export const FLAT_DISCRIMINATOR = 'discriminator.parameters';

/** Names that the training API gives a meaning to. */
const API_NAMES = {
  reset: 'lazy_reset_grad',
  buffer: (parameter: string) => `${parameter}_grad.accumulation.buffer`,
  accumulated: (parameter: string) => `${parameter}_grad.accumulation.out`,
} as const;

/** The training API's models of one network. */
export interface NetworkArtifacts {
  /** Loss, metrics and gradients of a batch: batch statistics, dropout. */
  trainingModel: Uint8Array;
  /** The same measures by running statistics and without dropout; no gradients. */
  evalModel: Uint8Array;
  /** The update of all trained parameters. */
  optimizerModel: Uint8Array;
  /** What the host draws for the training model: latents are input `z` float32 [N, latent], masks uint8. */
  noise: readonly NoiseSpec[];
  /** The training model's scalar outputs, its loss first. */
  metrics: readonly Metric[];
}

/** One model under construction. */
class ModelBuilder {
  readonly graph: Graph;
  readonly host: HostInputs;
  /** Outputs by name, in order: the API takes the first one for the loss. */
  private readonly outputs: [string, Value][] = [];

  constructor(
    private readonly network: NetworkName,
    private readonly purpose: string,
    private readonly options: StepGraphOptions,
  ) {
    this.graph = new Graph(`${network}_${purpose}`);
    this.host = new HostInputs(this.graph, options.gan);
  }

  /** D's parameters by name, out of the one flat input. */
  flatDiscriminator(): Map<string, Value> {
    const specs = networkParameters(this.options.gan.discriminator);
    const sizes = specs.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    const total = sizes.reduce((a, b) => a + b, 0);
    const parts = this.graph.input(FLAT_DISCRIMINATOR, 'float32', [total]).split(0, sizes);
    return new Map(specs.map(({ name, shape }, i) => [name, parts[i]!.reshape(shape)]));
  }

  /** This network's own parameters by name, each an input. */
  parameters(): Map<string, Value> {
    const specs = networkParameters(this.options.gan[this.network]);
    return new Map(specs.map(({ name, shape }) => [name, this.graph.input(name, 'float32', shape)]));
  }

  output(name: string, value: Value): void {
    this.outputs.push([name, value]);
  }

  /** Gradients of the loss into the API's buffers, and running statistics over their old values. */
  accumulate(loss: Value, parameters: ReadonlyMap<string, Value>, running: ReadonlyMap<string, Value>): void {
    const { graph } = this;
    const trainable = networkParameters(this.options.gan[this.network]).filter((spec) => spec.trainable);
    const slopes = gradients(
      loss,
      trainable.map(({ name }) => parameters.get(name)!),
    );
    const buffers = trainable.map(({ name, shape }) => graph.input(API_NAMES.buffer(name), 'float32', shape));
    const reset = graph.input(API_NAMES.reset, 'bool', [1]);
    const accumulate = (into: Value, value: Value, overwrite: Value) =>
      graph.node('InPlaceAccumulatorV2', [into, value, overwrite])[0]!;
    for (const [i, { name }] of trainable.entries()) {
      this.output(API_NAMES.accumulated(name), accumulate(buffers[i]!, slopes[i]!, reset));
    }
    const always = graph.constant('overwrite', 'bool', [1], typedArray('bool', [1]));
    for (const [name, next] of running) {
      this.output(`${name}.updated`, accumulate(parameters.get(name)!, next, always));
    }
  }

  toBytes(): Uint8Array {
    for (const [name, value] of this.outputs) this.graph.output(name, value);
    const { gan, version } = this.options;
    return this.graph.toBytes({
      description: `gan-onnx ${this.purpose} model of the ${this.network} of ${gan.name}`,
      ...(version === undefined ? {} : { version }),
    });
  }
}

/** Training or evaluation model of G: its loss and its images, float32 [N, C, H, W] in [-1, 1]. */
function generatorModel(mode: 'training' | 'inference', options: StepGraphOptions): ModelBuilder {
  const { gan } = options;
  const model = new ModelBuilder('generator', mode === 'training' ? 'training' : 'eval', options);
  const z = model.host.latents();
  const discriminator = model.flatDiscriminator();
  const parameters = model.parameters();
  const fake =
    mode === 'training'
      ? model.host.forward('generator', z, parameters, '')
      : forward(model.graph, gan.generator, z, { mode, parameters });
  const logits =
    mode === 'training'
      ? model.host.forward('discriminator', fake.output, discriminator, maskPrefixOfGenerator(gan))
      : forward(model.graph, gan.discriminator, fake.output, { mode, parameters: discriminator });
  const loss = GENERATOR_LOSSES[options.generatorLoss](logits.output);
  model.output('g_loss', loss);
  model.output('generated', toSamples(gan, fake.output));
  if (mode === 'training') model.accumulate(loss, parameters, fake.updates);
  return model;
}

/** Training or evaluation model of D: its loss, and the means of D(x) and D(G(z)). */
function discriminatorModel(mode: 'training' | 'inference', options: StepGraphOptions): ModelBuilder {
  const { gan } = options;
  const model = new ModelBuilder('discriminator', mode === 'training' ? 'training' : 'eval', options);
  const images = { real: model.host.real(), fake: model.host.fake() };
  const parameters = model.parameters();
  const pass = (which: 'real' | 'fake') =>
    mode === 'training'
      ? model.host.forward('discriminator', images[which], parameters, `${which}.`)
      : forward(model.graph, gan.discriminator, images[which], { mode, parameters });
  const fake = pass('fake');
  const real = pass('real');
  const loss = discriminatorLoss(real.output, fake.output);
  model.output('d_loss', loss);
  model.output('d_real', real.output.sigmoid().mean());
  model.output('d_fake', fake.output.sigmoid().mean());
  // Both passes move D's running statistics, in PyTorch's order. That of G's loss does not: G's model has no state of D.
  if (mode === 'training') model.accumulate(loss, parameters, runningAfter(parameters, [real, fake]));
  return model;
}

const MODELS = {
  generator: { build: generatorModel, metrics: ['g_loss'] },
  discriminator: { build: discriminatorModel, metrics: ['d_loss', 'd_real', 'd_fake'] },
} as const;

/**
 * Authors the training API's models of one network; the same options give the same bytes.
 *
 * G's training model takes `z`, D's masks named `fake.*` or `judged.*` and `discriminator.parameters`, and delivers `g_loss` and
 * `generated` float32 [N, C, H, W] in [-1, 1]. D's takes `real` uint8 [N, C, H, W], `fake` float32 [N, C, H, W] in
 * [-1, 1] and masks, and delivers `d_loss`, `d_real` and `d_fake`.
 *
 * @throws RangeError when the training API has no kernel for the optimiser
 */
export function buildArtifacts(network: NetworkName, options: StepGraphOptions): NetworkArtifacts {
  const { build, metrics } = MODELS[network];
  const training = build('training', options);
  return {
    trainingModel: training.toBytes(),
    evalModel: build('inference', options).toBytes(),
    optimizerModel: buildOptimizerModel(network, options),
    noise: training.host.noise,
    metrics,
  };
}

/** Names of what the engines' own evaluation models take and give beside `z` and `generated`. */
export const ENGINE_NAMES = {
  /** int64 [K]: K = 1 with a zero in it asks G's model for its parameters, K = 0 does not. */
  rows: 'rows',
  /** All parameters in order, float32 [P] of D and [K, P] of G. */
  parameters: 'parameters',
} as const;

/*
 * Models that an engine of this project uses in the place of evaluation models. They take the training model's
 * parameters in the same order, which is what the API asks of an evaluation model. Parameters leave through them
 * because the API's own getContiguousParameters frees a pointer into the stack, which corrupts the WASM heap.
 */

/** D's parameters as one vector: what G's training model takes. */
export function buildDiscriminatorReader(options: StepGraphOptions): Uint8Array {
  const model = new ModelBuilder('discriminator', 'reader', options);
  const vectors = [...model.parameters().values()].map((value) => value.reshape([sizeOf(value.shape)]));
  model.output(ENGINE_NAMES.parameters, model.graph.concat(vectors, 0));
  return model.toBytes();
}

/** G's pass of a D step, from `z` to `generated`: batch statistics and no gradients. Gives its parameters if asked. */
export function buildGeneratorPass(options: StepGraphOptions): Uint8Array {
  const model = new ModelBuilder('generator', 'pass', options);
  const z = model.host.latents();
  const rows = model.graph.input(ENGINE_NAMES.rows, 'int64', ['K']);
  const parameters = model.parameters();
  model.output(
    'generated',
    toSamples(options.gan, model.host.forward('generator', z, parameters, '').output),
  );
  const vectors = [...parameters.values()].map((value) =>
    value.reshape([1, sizeOf(value.shape)]).gather(rows),
  );
  model.output(ENGINE_NAMES.parameters, model.graph.concat(vectors, 1));
  return model.toBytes();
}

function sizeOf(shape: Shape): number {
  return (shape as readonly number[]).reduce((a, b) => a * b, 1);
}
