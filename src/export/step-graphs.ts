/**
 * The training step as ONNX graphs. `joint` is gan.py's: one graph, D(G(z)) computed once, everything from the
 * parameters before the step. `discriminator` and `generator` are the two halves of the paper's Algorithm 1.
 */

import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import {
  HostInputs,
  MASK_PREFIXES,
  maskPrefixOfGenerator,
  type NoiseSpec,
  toSamples,
} from './host-inputs.js';
import { discriminatorLoss, GENERATOR_LOSSES, type GeneratorLoss, generatorLoss } from './losses.js';
import { type AnyGanSpec, runningAfter } from './networks.js';
import {
  type OptimizerSpec,
  optimizerSlots,
  optimizerStep,
  type ParameterUpdate,
  type UpdateRule,
} from './optimizers.js';
import { type NetworkName, networkState, nextName, type StateSpec, stepName } from './state.js';
import type { Value } from './value.js';

export type StepGraphName = 'joint' | 'discriminator' | 'generator';

export type Metric = 'd_loss' | 'g_loss' | 'd_real' | 'd_fake';

/** A step graph and all that an engine must know to run it. */
export interface StepGraph {
  name: StepGraphName;
  /** The .onnx file's bytes. */
  bytes: Uint8Array;
  /** State tensors that it reads, each an input of that name. */
  reads: readonly StateSpec[];
  /** Those of them that it writes, each as output `<name>.next`. */
  writes: readonly StateSpec[];
  /** Names of the tensors among `writes` whose next value may be written over the current one. */
  inPlace: ReadonlySet<string>;
  /** Whether it takes a batch: input `real`, images uint8 [N, C, H, W] or points float32 [N, D]. */
  takesBatch: boolean;
  /** Inputs to draw for each step; latents are input `z`, float32 [N, latent]. */
  noise: readonly NoiseSpec[];
  /** Scalar float32 outputs. */
  metrics: readonly Metric[];
  /** Output `generated`, float32 [N, C, H, W] in [-1, 1] or [N, D]: G's batch from before the update. */
  generated: string;
}

/** What step graphs are authored for. */
export interface GraphTarget {
  /** Whether the engine may write state over its old value: the writers of large tensors then wait for the readers. */
  inPlace: boolean;
  /** The most tensors that one node may join or split into. */
  maxJoined: number;
}

export const GRAPH_TARGETS = {
  cpu: { inPlace: true, maxJoined: Number.POSITIVE_INFINITY },
  /** A shader may bind 8 buffers, by WebGPU's guaranteed limit. */
  webgpu: { inPlace: false, maxJoined: 7 },
} as const satisfies Record<string, GraphTarget>;

export interface StepGraphOptions {
  gan: AnyGanSpec;
  optimizer: OptimizerSpec;
  generatorLoss: GeneratorLoss;
  /** Updates of G after which it goes on with the other objective; never by default. */
  lossSwitchStep?: number;
  /** Version of this project, written into the files. */
  version?: string;
  /**
   * Updates of each network that its optimiser has forgotten, because its moments were lost and its own count of
   * steps began again at 0: learning-rate schedules go on from there. 0 by default.
   */
  updatesBefore?: Partial<Record<NetworkName, number>>;
  /** `GRAPH_TARGETS.cpu` by default. */
  target?: GraphTarget;
}

/** One graph under construction: inputs are declared when first asked for. */
class StepBuilder {
  readonly graph: Graph;
  private readonly reads: StateSpec[] = [];
  private readonly writes: StateSpec[] = [];
  private readonly metrics: Metric[] = [];
  readonly host: HostInputs;
  private readonly next = new Map<string, { current: Value; next: Value }>();

  constructor(
    private readonly name: StepGraphName,
    private readonly options: StepGraphOptions,
  ) {
    this.graph = new Graph(`${name}_step`);
    this.host = new HostInputs(this.graph, options.gan);
  }

  private get gan(): AnyGanSpec {
    return this.options.gan;
  }

  /** Declares the state of a network that this graph reads: all of it to update it, else only its parameters. */
  state(network: NetworkName, use: 'update' | 'read'): Map<string, Value> {
    const all = networkState(this.gan[network], this.options.optimizer.kind);
    const specs = use === 'update' ? all : all.filter(({ role }) => role === 'parameter');
    this.reads.push(...specs);
    return new Map(specs.map(({ name, dtype, shape }) => [name, this.graph.input(name, dtype, shape)]));
  }

  /** What G minimises, from D's logits [N, 1] of its batch. */
  generatorLoss(logits: Value, generator: ReadonlyMap<string, Value>): Value {
    const { generatorLoss: first, lossSwitchStep: switchStep, updatesBefore } = this.options;
    if (switchStep === undefined) return GENERATOR_LOSSES[first](logits);
    const counted = generator.get(stepName('generator'))!.cast('float32');
    return generatorLoss(first, logits, { switchStep, step: counted.add(updatesBefore?.generator ?? 0) });
  }

  /** Declares a network's running statistics, which a pass of it moves though its parameters stay. */
  running(network: NetworkName): Map<string, Value> {
    const specs = networkState(this.gan[network], this.options.optimizer.kind).filter(
      ({ role }) => role === 'running statistic',
    );
    this.reads.push(...specs);
    return new Map(specs.map(({ name, dtype, shape }) => [name, this.graph.input(name, dtype, shape)]));
  }

  /** Writes the next values of what `running` declared. */
  moveRunning(network: NetworkName, current: ReadonlyMap<string, Value>, next: ReadonlyMap<string, Value>) {
    const specs = networkState(this.gan[network], this.options.optimizer.kind);
    for (const spec of specs.filter(({ name }) => current.has(name))) this.write(spec, current, next);
  }

  private write(
    spec: StateSpec,
    current: ReadonlyMap<string, Value>,
    next: ReadonlyMap<string, Value>,
  ): void {
    this.graph.output(nextName(spec.name), next.get(spec.name)!);
    this.writes.push(spec);
    this.next.set(spec.name, { current: current.get(spec.name)!, next: next.get(spec.name)! });
  }

  /** Appends the optimiser's update of a network, from the loss to the outputs. */
  update(
    network: NetworkName,
    loss: Value,
    state: ReadonlyMap<string, Value>,
    running: ReadonlyMap<string, Value>,
  ) {
    const { optimizer } = this.options;
    const specs = networkState(this.gan[network], optimizer.kind);
    const parameters = specs.filter(({ role }) => role === 'parameter').map(({ name }) => name);
    const step = state.get(stepName(network))!;
    const { gradientScale, update } = optimizerStep(
      optimizer,
      step.cast('float32'),
      this.options.updatesBefore?.[network],
    );
    const slotNames = optimizerSlots(optimizer.kind);
    const current = parameters.map((name) => state.get(name)!);
    const slots = parameters.map((name) => slotNames.map((slot) => state.get(`${name}.${slot}`)!));
    const target = this.options.target ?? GRAPH_TARGETS.cpu;
    const updated = updateAll(update, current, gradients(loss, current, gradientScale), slots, target);
    const next = new Map<string, Value>(running);
    next.set(stepName(network), step.add(1));
    for (const [i, name] of parameters.entries()) {
      next.set(name, updated[i]!.parameter);
      for (const [s, slot] of slotNames.entries()) next.set(`${name}.${slot}`, updated[i]!.slots[s]!);
    }
    for (const spec of specs) this.write(spec, state, next);
  }

  metric(name: Metric, value: Value): void {
    this.graph.output(name, value);
    this.metrics.push(name);
  }

  /** Delivers G's batch as samples. */
  generated(fake: Value): void {
    this.graph.output('generated', toSamples(this.gan, fake));
  }

  build(): StepGraph {
    const { name, reads, writes, metrics, options } = this;
    const { takesBatch, noise } = this.host;
    const description = `gan-onnx ${name} training step of ${this.gan.name}`;
    const { inPlace } = options.target ?? GRAPH_TARGETS.cpu;
    const shared = [...this.next].filter(
      ([, pair]) => inPlace && this.graph.mayShareMemory(pair.current, pair.next),
    );
    const bytes = this.graph.toBytes({
      description,
      ...(options.version === undefined ? {} : { version: options.version }),
    });
    return {
      name,
      bytes,
      reads,
      writes,
      inPlace: new Set(shared.map(([written]) => written)),
      takesBatch,
      noise,
      metrics,
      generated: 'generated',
    };
  }
}

/** Parameters with at most so many elements are updated together. */
const SMALL = 2 ** 14;

/**
 * Updates all parameters of a network: large ones one by one, small ones (biases and the like) joined into vectors,
 * because a pass over a few hundred numbers costs a node's overhead and little else.
 */
function updateAll(
  update: UpdateRule,
  parameters: readonly Value[],
  scaled: readonly Value[],
  slots: readonly (readonly Value[])[],
  { inPlace, maxJoined }: GraphTarget,
): ParameterUpdate[] {
  const small = parameters.flatMap((parameter, i) => (sizeOf(parameter) <= SMALL ? [i] : []));
  const result = parameters.map((parameter, i) => {
    if (small.includes(i)) return undefined;
    // Once all who read the old value are done, the new one may be written in its place.
    const zero = inPlace ? parameter.graph.zeroAfterReaders(parameter, [scaled[i]!]) : undefined;
    return update(parameter, scaled[i]!, slots[i]!, zero);
  });
  for (let first = 0; first < small.length; first += maxJoined) {
    const group = small.slice(first, first + maxJoined);
    const pick = <T>(values: readonly T[]): T[] => group.map((i) => values[i]!);
    const updated = updateJoined(update, pick(parameters), pick(scaled), pick(slots));
    for (const [k, i] of group.entries()) result[i] = updated[k]!;
  }
  return result as ParameterUpdate[];
}

function sizeOf({ shape }: Value): number {
  return (shape as readonly number[]).reduce((a, b) => a * b, 1);
}

/** Updates parameters as one vector. */
function updateJoined(
  update: UpdateRule,
  parameters: readonly Value[],
  scaled: readonly Value[],
  slots: readonly (readonly Value[])[],
): ParameterUpdate[] {
  const { graph } = parameters[0]!;
  const sizes = parameters.map(sizeOf);
  const join = (values: readonly Value[]): Value =>
    graph.concat(
      values.map((value, i) => value.reshape([sizes[i]!])),
      0,
    );
  const part = (value: Value): Value[] =>
    value.split(0, sizes).map((piece, i) => piece.reshape(parameters[i]!.shape));
  const joined = update(
    join(parameters),
    join(scaled),
    slots[0]!.map((_, s) => join(slots.map((ofParameter) => ofParameter[s]!))),
  );
  const ofParameter = part(joined.parameter);
  const ofSlots = joined.slots.map(part);
  return parameters.map((_, i) => ({
    parameter: ofParameter[i]!,
    slots: ofSlots.map((pieces) => pieces[i]!),
  }));
}

/*
 * Every pass of D moves its running statistics, the one of G's loss too: PyTorch's BatchNorm does so whenever it is called
 * in training mode, whoever asked. Passes are listed in the order in which dcgan.py calls D.
 */

function jointStep(options: StepGraphOptions): StepGraph {
  const step = new StepBuilder('joint', options);
  const generator = step.state('generator', 'update');
  const discriminator = step.state('discriminator', 'update');
  const fake = step.host.forward('generator', step.host.latents(), generator, '');
  const pass = (x: Value, maskPrefix: string) =>
    step.host.forward('discriminator', x, discriminator, maskPrefix);
  const judged = pass(fake.output, maskPrefixOfGenerator(options.gan));
  const real = pass(step.host.real(), MASK_PREFIXES.real);
  const again = options.gan.passForEachLoss ? [pass(fake.output, MASK_PREFIXES.fake)] : [];
  const [detected = judged] = again;
  const gLoss = step.generatorLoss(judged.output, generator);
  const dLoss = discriminatorLoss(real.output, detected.output);
  step.update('generator', gLoss, generator, fake.updates);
  step.update('discriminator', dLoss, discriminator, runningAfter(discriminator, [judged, real, ...again]));
  step.metric('d_loss', dLoss);
  step.metric('g_loss', gLoss);
  step.metric('d_real', real.output.sigmoid().mean());
  step.metric('d_fake', detected.output.sigmoid().mean());
  step.generated(fake.output);
  return step.build();
}

/** G is read with batch statistics; its running statistics move only in its own step. */
function discriminatorStep(options: StepGraphOptions): StepGraph {
  const step = new StepBuilder('discriminator', options);
  const generator = step.state('generator', 'read');
  const discriminator = step.state('discriminator', 'update');
  const fake = step.host.forward('generator', step.host.latents(), generator, '');
  const onFake = step.host.forward('discriminator', fake.output, discriminator, MASK_PREFIXES.fake);
  const onReal = step.host.forward('discriminator', step.host.real(), discriminator, MASK_PREFIXES.real);
  const dLoss = discriminatorLoss(onReal.output, onFake.output);
  step.update('discriminator', dLoss, discriminator, runningAfter(discriminator, [onReal, onFake]));
  step.metric('d_loss', dLoss);
  step.metric('d_real', onReal.output.sigmoid().mean());
  step.metric('d_fake', onFake.output.sigmoid().mean());
  step.generated(fake.output);
  return step.build();
}

/** D's parameters stay as they are; its running statistics move. */
function generatorStep(options: StepGraphOptions): StepGraph {
  const step = new StepBuilder('generator', options);
  const generator = step.state('generator', 'update');
  const discriminator = step.state('discriminator', 'read');
  const running = step.running('discriminator');
  const fake = step.host.forward('generator', step.host.latents(), generator, '');
  const all = new Map([...discriminator, ...running]);
  const prefix = maskPrefixOfGenerator(options.gan);
  const judged = step.host.forward('discriminator', fake.output, all, prefix);
  const gLoss = step.generatorLoss(judged.output, generator);
  step.update('generator', gLoss, generator, fake.updates);
  step.moveRunning('discriminator', running, judged.updates);
  step.metric('g_loss', gLoss);
  step.generated(fake.output);
  return step.build();
}

const STEP_GRAPHS: Record<StepGraphName, (options: StepGraphOptions) => StepGraph> = {
  joint: jointStep,
  discriminator: discriminatorStep,
  generator: generatorStep,
};

/** Authors one step graph; the same options give the same bytes. */
export function buildStepGraph(name: StepGraphName, options: StepGraphOptions): StepGraph {
  return STEP_GRAPHS[name](options);
}
