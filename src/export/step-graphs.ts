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
  type OptimizerStep,
  optimizerSlots,
  optimizerStep,
  type UpdateRule,
} from './optimizers.js';
import type { SharedPart } from './shared-part.js';
import { type NetworkName, networkState, nextName, type StateSpec, stepName } from './state.js';
import { GRAPH_TARGETS, type GraphTarget, updateAll } from './update-all.js';
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

/** The first half of a step that several processes share: as far as the gradients, of which the sum over them is to be taken. */
export interface GradientGraph extends StepGraph {
  /**
   * Parameters of which it delivers the gradient, as float32 output `gradientName(name)` of the parameter's shape: scaled
   * as the optimiser wants it, and times input `WEIGHT`, as the metrics are.
   */
  gradients: readonly StateSpec[];
}

/** The second half: takes the summed gradients as inputs `gradientName(name)`, and updates. */
export type UpdateGraph = Pick<
  GradientGraph,
  'name' | 'bytes' | 'reads' | 'writes' | 'inPlace' | 'gradients'
>;

/** Input float32 [] of a gradient graph: the part of the whole batch that this process has, in [0, 1]. */
export const WEIGHT = 'weight';

/** Name of a parameter's gradient, an output of gradient graphs and an input of update graphs. */
export function gradientName(name: string): string {
  return `${name}.gradient`;
}

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

/** What a graph does: a whole step, its first half or its second. */
type Part = 'step' | 'gradients' | 'update';

/** What a graph that updates a network reads of its state. */
const ROLES: Readonly<Record<Part, readonly StateSpec['role'][]>> = {
  step: ['parameter', 'running statistic', 'optimizer slot', 'step'],
  gradients: ['parameter', 'running statistic', 'step'],
  update: ['parameter', 'optimizer slot', 'step'],
};

/** One graph under construction: inputs are declared when first asked for. */
class StepBuilder {
  readonly graph: Graph;
  private readonly reads: StateSpec[] = [];
  private readonly writes: StateSpec[] = [];
  private readonly metrics: Metric[] = [];
  readonly host: HostInputs;
  private readonly next = new Map<string, { current: Value; next: Value }>();
  private readonly gradients: StateSpec[] = [];
  /** In a gradient graph, what the gradients are multiplied by. */
  private readonly weight: Value | undefined;

  constructor(
    private readonly name: StepGraphName,
    private readonly options: StepGraphOptions,
    private readonly part: Part,
  ) {
    this.graph = new Graph(`${name}_${part}`);
    this.host = new HostInputs(this.graph, options.gan);
    this.weight = part === 'gradients' ? this.graph.input(WEIGHT, 'float32', []) : undefined;
  }

  private get gan(): AnyGanSpec {
    return this.options.gan;
  }

  /** Declares the state of a network that this graph reads: all of it to update it, else only its parameters. */
  state(network: NetworkName, use: 'update' | 'read'): Map<string, Value> {
    const all = networkState(this.gan[network], this.options.optimizer.kind);
    const roles = use === 'update' ? ROLES[this.part] : ['parameter'];
    const specs = all.filter(({ role }) => roles.includes(role));
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

  /** Writes the next values of a network's state, of those tensors that have one. */
  move(network: NetworkName, current: ReadonlyMap<string, Value>, next: ReadonlyMap<string, Value>) {
    const specs = networkState(this.gan[network], this.options.optimizer.kind);
    for (const spec of specs.filter(({ name }) => next.has(name))) this.write(spec, current, next);
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

  /** Appends what is done about a network's loss: the optimiser's update, or the gradients as outputs. */
  update(
    network: NetworkName,
    loss: Value,
    state: ReadonlyMap<string, Value>,
    running: ReadonlyMap<string, Value>,
    shared?: SharedPart,
  ) {
    const { gradientScale, update } = this.optimizerStep(network, state);
    const parameters = this.parameters(network);
    const current = parameters.map(({ name }) => state.get(name)!);
    if (this.weight === undefined) {
      this.apply(network, update, gradients(loss, current, gradientScale, shared), state, running);
      return;
    }
    const weighted = gradients(loss, current, gradientScale.mul(this.weight), shared);
    for (const [i, { name }] of parameters.entries()) this.graph.output(gradientName(name), weighted[i]!);
    this.gradients.push(...parameters);
    this.move(network, state, running);
  }

  /** Appends the update of a network from gradients that are inputs. */
  updateFromInputs(network: NetworkName) {
    const state = this.state(network, 'update');
    const parameters = this.parameters(network);
    const summed = parameters.map(({ name, shape }) =>
      this.graph.input(gradientName(name), 'float32', shape),
    );
    this.gradients.push(...parameters);
    this.apply(network, this.optimizerStep(network, state).update, summed, state, new Map());
  }

  private parameters(network: NetworkName): StateSpec[] {
    const specs = networkState(this.gan[network], this.options.optimizer.kind);
    return specs.filter(({ role }) => role === 'parameter');
  }

  private optimizerStep(network: NetworkName, state: ReadonlyMap<string, Value>): OptimizerStep {
    const { optimizer, updatesBefore } = this.options;
    const step = state.get(stepName(network))!;
    return optimizerStep(optimizer, step.cast('float32'), updatesBefore?.[network]);
  }

  private apply(
    network: NetworkName,
    update: UpdateRule,
    scaled: readonly Value[],
    state: ReadonlyMap<string, Value>,
    running: ReadonlyMap<string, Value>,
  ) {
    const { optimizer, target = GRAPH_TARGETS.cpu } = this.options;
    const parameters = this.parameters(network).map(({ name }) => name);
    const slotNames = optimizerSlots(optimizer.kind);
    const current = parameters.map((name) => state.get(name)!);
    const slots = parameters.map((name) => slotNames.map((slot) => state.get(`${name}.${slot}`)!));
    const updated = updateAll(update, current, scaled, slots, target);
    const next = new Map<string, Value>(running);
    next.set(stepName(network), state.get(stepName(network))!.add(1));
    for (const [i, name] of parameters.entries()) {
      next.set(name, updated[i]!.parameter);
      for (const [s, slot] of slotNames.entries()) next.set(`${name}.${slot}`, updated[i]!.slots[s]!);
    }
    this.move(network, state, next);
  }

  metric(name: Metric, value: Value): void {
    this.graph.output(name, this.weight === undefined ? value : value.mul(this.weight));
    this.metrics.push(name);
  }

  /** Delivers G's batch as samples. */
  generated(fake: Value): void {
    this.graph.output('generated', toSamples(this.gan, fake));
  }

  build(): GradientGraph {
    const { name, reads, writes, metrics, gradients, options } = this;
    const { takesBatch, noise } = this.host;
    const description = `gan-onnx ${name} training ${this.part} of ${this.gan.name}`;
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
      gradients,
    };
  }
}

/*
 * Every pass of D moves its running statistics, the one of G's loss too: PyTorch's BatchNorm does so whenever it is called
 * in training mode, whoever asked. Passes are listed in the order in which dcgan.py calls D.
 */

function jointStep(options: StepGraphOptions, part: Part): GradientGraph {
  const step = new StepBuilder('joint', options, part);
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
  const shared = detected === judged ? { from: judged.output, to: fake.output } : undefined;
  const moved = runningAfter(discriminator, [judged, real, ...again]);
  step.update('generator', gLoss, generator, fake.updates, shared);
  step.update('discriminator', dLoss, discriminator, moved, shared);
  step.metric('d_loss', dLoss);
  step.metric('g_loss', gLoss);
  step.metric('d_real', real.output.sigmoid().mean());
  step.metric('d_fake', detected.output.sigmoid().mean());
  step.generated(fake.output);
  return step.build();
}

/** G is read with batch statistics; its running statistics move only in its own step. */
function discriminatorStep(options: StepGraphOptions, part: Part): GradientGraph {
  const step = new StepBuilder('discriminator', options, part);
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
function generatorStep(options: StepGraphOptions, part: Part): GradientGraph {
  const step = new StepBuilder('generator', options, part);
  const generator = step.state('generator', 'update');
  const discriminator = step.state('discriminator', 'read');
  const running = step.running('discriminator');
  const fake = step.host.forward('generator', step.host.latents(), generator, '');
  const all = new Map([...discriminator, ...running]);
  const prefix = maskPrefixOfGenerator(options.gan);
  const judged = step.host.forward('discriminator', fake.output, all, prefix);
  const gLoss = step.generatorLoss(judged.output, generator);
  step.update('generator', gLoss, generator, fake.updates);
  step.move('discriminator', running, judged.updates);
  step.metric('g_loss', gLoss);
  step.generated(fake.output);
  return step.build();
}

const STEP_GRAPHS: Record<StepGraphName, (options: StepGraphOptions, part: Part) => GradientGraph> = {
  joint: jointStep,
  discriminator: discriminatorStep,
  generator: generatorStep,
};

/** Authors one step graph; the same options give the same bytes. */
export function buildStepGraph(name: StepGraphName, options: StepGraphOptions): StepGraph {
  const { gradients: _, ...graph } = STEP_GRAPHS[name](options, 'step');
  return graph;
}

/** Networks that a step graph updates. */
const UPDATED: Readonly<Record<StepGraphName, readonly NetworkName[]>> = {
  joint: ['generator', 'discriminator'],
  discriminator: ['discriminator'],
  generator: ['generator'],
};

/**
 * Authors one step as two graphs, with the sum of gradients over processes between them: for one process with weight 1,
 * both together compute what the step graph does. Each process's losses are means over its own samples, so weights that
 * are its part of the batch make the sum the gradient of the mean over the whole batch; batch statistics are its own.
 */
export function buildSplitStep(
  name: StepGraphName,
  options: StepGraphOptions,
): { gradient: GradientGraph; update: UpdateGraph } {
  const update = new StepBuilder(name, options, 'update');
  for (const network of UPDATED[name]) update.updateFromInputs(network);
  const { bytes, reads, writes, inPlace, gradients } = update.build();
  return {
    gradient: STEP_GRAPHS[name](options, 'gradients'),
    update: { name, bytes, reads, writes, inPlace, gradients },
  };
}
