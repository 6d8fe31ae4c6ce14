/**
 * The `training-api` engine: ONNX Runtime's own on-device training, which its WASM build of 1.19 has. One
 * TrainingSession for G and one for D; parameters, gradients and moments stay inside WASM. The same source serves Node
 * and the browser: whoever creates the engine brings the API.
 */

import {
  buildArtifacts,
  buildDiscriminatorReader,
  buildGeneratorPass,
  ENGINE_NAMES,
  encodeCheckpoint,
  FLAT_DISCRIMINATOR,
  type GanState,
  HOST_INPUTS,
  type Metric,
  type NetworkArtifacts,
  type NetworkName,
  networkCheckpoint,
  networkParameters,
  networkState,
  type StepGraphName,
  type StepGraphOptions,
  sampleShape,
  stepName,
} from '../export/index.js';
import type { Engine, StepInputs, StepResult } from './engine.js';

/** A tensor of the API's own onnxruntime-common. */
export interface ApiTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}

type Feeds = Readonly<Record<string, ApiTensor>>;

/** The part of onnxruntime-web 1.19's TrainingSession that the engine uses. */
export interface ApiSession {
  runTrainStep(feeds: Feeds): Promise<Record<string, ApiTensor>>;
  runEvalStep(feeds: Feeds): Promise<Record<string, ApiTensor>>;
  runOptimizerStep(): Promise<void>;
  lazyResetGrad(): Promise<void>;
  release(): Promise<void>;
  readonly trainingInputNames: readonly string[];
  readonly trainingOutputNames: readonly string[];
  readonly evalInputNames: readonly string[];
  readonly evalOutputNames: readonly string[];
}

/** What the engine needs of the package onnxruntime-training (or of `onnxruntime-web/training` 1.19). */
export interface TrainingApi {
  TrainingSession: {
    create(
      models: {
        checkpointState: Uint8Array;
        trainModel: Uint8Array;
        evalModel?: Uint8Array;
        optimizerModel?: Uint8Array;
      },
      options?: object,
    ): Promise<ApiSession>;
  };
  Tensor: new (
    type: 'float32' | 'uint8' | 'int64',
    data: Float32Array | Uint8Array | BigInt64Array,
    dims: readonly number[],
  ) => ApiTensor;
}

export interface TrainingApiEngineOptions {
  api: TrainingApi;
  /** Networks, loss and optimiser, as the step graphs have them. */
  options: StepGraphOptions;
  /** Copied: the engine never writes to it. */
  state: GanState;
}

/** One network in the API: its session, and what is known of it here. */
interface Side {
  session: ApiSession;
  artifacts: NetworkArtifacts;
  /** Updates made by this engine. */
  updates: number;
}

type Outputs = Record<string, ApiTensor>;

/** The API takes inputs by their place, whatever they are called. */
function inOrder(feeds: Feeds, names: readonly string[]): Feeds {
  return Object.fromEntries(names.map((name) => [name, feeds[name]!]));
}

function runTraining({ session }: Side, feeds: Feeds): Promise<Outputs> {
  return session.runTrainStep(inOrder(feeds, session.trainingInputNames));
}

/** The API names the outputs of an evaluation model after those of the training model: the place tells which is which. */
async function runEvaluation({ session }: Side, feeds: Feeds): Promise<Outputs> {
  const results = await session.runEvalStep(inOrder(feeds, session.evalInputNames));
  return Object.fromEntries(
    session.evalOutputNames.map((name, i) => [name, results[session.trainingOutputNames[i]!]!]),
  );
}

class TrainingApiEngine implements Engine {
  constructor(
    private readonly given: TrainingApiEngineOptions,
    private readonly sides: Readonly<Record<NetworkName, Side>>,
  ) {}

  private readonly steps: Record<StepGraphName, (inputs: StepInputs) => Promise<Outputs>> = {
    joint: async (inputs) => {
      const ofGenerator = await this.trainGenerator(inputs);
      const ofDiscriminator = await this.trainDiscriminator(inputs, ofGenerator.generated!);
      await this.update('generator');
      await this.update('discriminator');
      return { ...ofGenerator, ...ofDiscriminator };
    },
    discriminator: async (inputs) => {
      const { generated } = await this.passGenerator(this.latents(inputs), false);
      const results = await this.trainDiscriminator(inputs, generated!);
      await this.update('discriminator');
      return { ...results, generated: generated! };
    },
    generator: async (inputs) => {
      const results = await this.trainGenerator(inputs);
      await this.update('generator');
      return results;
    },
  };

  async run(name: StepGraphName, inputs: StepInputs, wants = { generated: false }): Promise<StepResult> {
    const results = await this.steps[name](inputs);
    const known = new Set<string>(Object.values(this.sides).flatMap(({ artifacts }) => artifacts.metrics));
    const metrics = Object.entries(results)
      .filter(([output]) => known.has(output))
      .map(([output, { data }]): [Metric, number] => [output as Metric, (data as Float32Array)[0]!]);
    return {
      metrics: Object.fromEntries(metrics),
      ...(wants.generated ? { generated: results.generated!.data as Float32Array } : {}),
    };
  }

  /** Moments stay inside the API: they are part of the state only as long as no update has moved them. */
  async readState(): Promise<GanState> {
    const { options, state } = this.given;
    const read: GanState = new Map();
    for (const network of ['generator', 'discriminator'] as const) {
      let offset = 0;
      const flat = await this.readParameters(network);
      for (const { name, shape } of networkParameters(options.gan[network])) {
        const end = offset + shape.reduce((a, b) => a * b, 1);
        read.set(name, { shape, data: flat.slice(offset, end) });
        offset = end;
      }
      const { updates } = this.sides[network];
      const before = state.get(stepName(network))?.data[0] ?? 0;
      read.set(stepName(network), { shape: [], data: Int32Array.of(before + updates) });
      if (updates > 0) continue;
      for (const { name, role } of networkState(options.gan[network], options.optimizer.kind)) {
        const tensor = role === 'optimizer slot' ? state.get(name) : undefined;
        if (tensor !== undefined) read.set(name, { ...tensor, data: tensor.data.slice() });
      }
    }
    return read;
  }

  async close(): Promise<void> {
    for (const { session } of Object.values(this.sides)) await session.release();
  }

  /** G's loss and gradients, by D's parameters as they stand. */
  private async trainGenerator(inputs: StepInputs): Promise<Outputs> {
    const { generator, discriminator } = this.sides;
    const { parameters } = await runEvaluation(discriminator, {});
    return runTraining(generator, {
      [HOST_INPUTS.latents]: this.latents(inputs),
      [FLAT_DISCRIMINATOR]: parameters!,
      ...this.masks(generator, inputs),
    });
  }

  /** D's loss and gradients, on a real batch and on G's. */
  private trainDiscriminator(inputs: StepInputs, fake: ApiTensor): Promise<Outputs> {
    const { discriminator } = this.sides;
    const shape = [inputs.batchSize, ...sampleShape(this.given.options.gan)];
    const type = inputs.real instanceof Float32Array ? 'float32' : 'uint8';
    return runTraining(discriminator, {
      [HOST_INPUTS.real]: this.tensor(type, inputs.real!, shape),
      [HOST_INPUTS.fake]: fake,
      ...this.masks(discriminator, inputs),
    });
  }

  private async update(network: NetworkName): Promise<void> {
    const side = this.sides[network];
    await side.session.runOptimizerStep();
    await side.session.lazyResetGrad();
    side.updates += 1;
  }

  /** G's batch without gradients, and its parameters if asked. */
  private passGenerator(z: ApiTensor, withParameters: boolean): Promise<Outputs> {
    const rows = new BigInt64Array(withParameters ? 1 : 0);
    return runEvaluation(this.sides.generator, {
      [HOST_INPUTS.latents]: z,
      [ENGINE_NAMES.rows]: this.tensor('int64', rows, [rows.length]),
    });
  }

  private async readParameters(network: NetworkName): Promise<Float32Array> {
    const { size } = this.given.options.gan.latent;
    const anyLatent = this.tensor('float32', new Float32Array(size), [1, size]);
    const results =
      network === 'generator'
        ? await this.passGenerator(anyLatent, true)
        : await runEvaluation(this.sides.discriminator, {});
    return results[ENGINE_NAMES.parameters]!.data as Float32Array;
  }

  private latents({ batchSize, noise }: StepInputs): ApiTensor {
    const { size } = this.given.options.gan.latent;
    return this.tensor('float32', noise[HOST_INPUTS.latents]!, [batchSize, size]);
  }

  private masks({ artifacts }: Side, inputs: StepInputs): Outputs {
    const masks = artifacts.noise.filter((spec) => spec.kind === 'mask');
    return Object.fromEntries(
      masks.map(({ name, features }) => [
        name,
        this.tensor('uint8', inputs.noise[name]!, [inputs.batchSize, features]),
      ]),
    );
  }

  private tensor(...[type, data, dims]: ConstructorParameters<TrainingApi['Tensor']>): ApiTensor {
    return new this.given.api.Tensor(type, data, dims);
  }
}

/**
 * @throws RangeError when the state lacks a parameter, or the API lacks the optimiser
 */
export async function createTrainingApiEngine(given: TrainingApiEngineOptions): Promise<Engine> {
  const { api, options, state } = given;
  const { gan, optimizer } = options;
  const open = async (network: NetworkName, evalModel: Uint8Array): Promise<Side> => {
    const artifacts = buildArtifacts(network, options);
    const checkpoint = networkCheckpoint(gan[network], optimizer, state, undefined, { exact: false });
    const session = await api.TrainingSession.create({
      checkpointState: encodeCheckpoint(checkpoint),
      trainModel: artifacts.trainingModel,
      evalModel,
      optimizerModel: artifacts.optimizerModel,
    });
    return { session, artifacts, updates: 0 };
  };
  return new TrainingApiEngine(given, {
    generator: await open('generator', buildGeneratorPass(options)),
    discriminator: await open('discriminator', buildDiscriminatorReader(options)),
  });
}
