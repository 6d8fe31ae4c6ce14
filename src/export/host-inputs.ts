/**
 * What the host feeds to a training graph beside the state: images or points, latents and dropout masks, each declared as an
 * input of the graph when it is first asked for. Shared by the step graphs and by the training API's models.
 */

import type { Distribution } from '../random/index.js';
import type { Graph } from './graph.js';
import {
  type AnyGanSpec,
  type Forward,
  forward,
  type GanNetworks,
  type GanSpec,
  type MaskSpec,
  sampleShape,
} from './networks.js';
import type { NetworkName } from './state.js';
import type { Value } from './value.js';

/** An input that the host draws anew for each step. */
export type NoiseSpec =
  | { name: string; kind: 'latents'; size: number; distribution: Distribution }
  | ({ kind: 'mask' } & MaskSpec);

/** Names of the inputs that are not masks. */
export const HOST_INPUTS = { latents: 'z', real: 'real', fake: 'fake' } as const;

/** Prefixes of the mask inputs of D's passes: on real images, on G's for D's loss, and on G's for a pass of G's loss alone. */
export const MASK_PREFIXES = { real: 'real.', fake: 'fake.', judged: 'judged.' } as const;

/** The prefix of D's pass in G's loss, which D's loss shares unless each has a pass of its own. */
export function maskPrefixOfGenerator({ passForEachLoss }: GanNetworks): string {
  return passForEachLoss ? MASK_PREFIXES.judged : MASK_PREFIXES.fake;
}

export class HostInputs {
  private readonly masks = new Map<string, { spec: MaskSpec; value: Value }>();
  private readonly latentSpecs: NoiseSpec[] = [];
  private asksForBatch = false;

  constructor(
    private readonly graph: Graph,
    private readonly gan: AnyGanSpec,
  ) {}

  /** Whether real images were asked for. */
  get takesBatch(): boolean {
    return this.asksForBatch;
  }

  /** What the host must draw: latents first, then masks in the order of their layers. */
  get noise(): readonly NoiseSpec[] {
    const masks = [...this.masks.values()].map(({ spec }): NoiseSpec => ({ kind: 'mask', ...spec }));
    return [...this.latentSpecs, ...masks];
  }

  /**
   * Real samples. Images: input uint8 [N, C, H, W]; delivered in the range of the networks, float32 [N, C * H * W].
   * Points: input float32 [N, D], delivered as they are.
   */
  real(): Value {
    this.asksForBatch = true;
    const { gan } = this;
    if ('points' in gan) return this.graph.input(HOST_INPUTS.real, 'float32', ['N', gan.points]);
    const { range, contrastNorm, image } = gan;
    const [low, high] = range;
    const bytes = this.graph.input(HOST_INPUTS.real, 'uint8', ['N', ...image]);
    const pixels = bytes.reshape(['N', image.reduce((a, b) => a * b, 1)]).cast('float32');
    if (contrastNorm !== undefined) return normaliseContrast(pixels, contrastNorm);
    const scaled = pixels.mul((high - low) / 255);
    return low === 0 ? scaled : scaled.add(low);
  }

  /** Generated samples: input float32 [N, C, H, W] in [-1, 1], or [N, D] of points; delivered like real ones. */
  fake(): Value {
    const { gan } = this;
    const samples = this.graph.input(HOST_INPUTS.fake, 'float32', ['N', ...sampleShape(gan)]);
    if ('points' in gan) return samples;
    return fromImages(gan, samples.reshape(['N', gan.image.reduce((a, b) => a * b, 1)]));
  }

  /** Latents: input float32 [N, latent]. */
  latents(): Value {
    const { size, distribution } = this.gan.latent;
    this.latentSpecs.push({ name: HOST_INPUTS.latents, kind: 'latents', size, distribution });
    return this.graph.input(HOST_INPUTS.latents, 'float32', ['N', size]);
  }

  /**
   * A network's training pass: batch statistics, and dropout by masks that become inputs.
   *
   * @param maskPrefix two passes with one prefix share their masks
   */
  forward(
    network: NetworkName,
    x: Value,
    parameters: ReadonlyMap<string, Value>,
    maskPrefix: string,
  ): Forward {
    const { graph, masks } = this;
    return forward(graph, this.gan[network], x, { mode: 'training', parameters, maskPrefix, masks });
  }
}

/** G's flat output as samples: images as `toImages` makes them, points [N, D] as they are. */
export function toSamples(gan: AnyGanSpec, flat: Value): Value {
  return 'points' in gan ? flat : toImages(gan, flat);
}

/** What a magnitude is divided by at least, so that an image of one colour becomes zeros. */
const SMALLEST = 1e-8;

/**
 * Global contrast normalisation as pylearn2 does it for CIFAR-10: each row of `flat` [N, pixels] less its mean, scaled to a
 * Euclidean norm.
 */
function normaliseContrast(flat: Value, norm: number): Value {
  const centred = flat.sub(flat.mean([1], true));
  const length = centred.mul(centred).sum([1], true).sqrt().max(SMALLEST);
  return centred.mul(centred.graph.scalar(norm, flat.dtype).div(length));
}

/**
 * G's flat output [N, pixels] as images [N, C, H, W] in [-1, 1], whatever range its last layer has; one without a range is
 * divided by its largest magnitude, image by image, as the 2014 paper's authors viewed theirs.
 */
export function toImages(gan: GanSpec, flat: Value): Value {
  if (gan.contrastNorm !== undefined) {
    const largest = flat.abs().reduceMax([1], true).max(SMALLEST);
    return flat.div(largest).reshape(['N', ...gan.image]);
  }
  const [low, high] = gan.range;
  const mapped =
    low === -1 && high === 1
      ? flat
      : flat
          .sub(low)
          .mul(2 / (high - low))
          .sub(1);
  return mapped.reshape(['N', ...gan.image]);
}

/**
 * The inverse of `toImages`: flat pixels [N, pixels] in [-1, 1] in the range of the networks.
 *
 * @throws RangeError when they have none
 */
function fromImages(gan: GanSpec, flat: Value): Value {
  if (gan.contrastNorm !== undefined) {
    throw new RangeError(`${gan.name}: images do not tell what a generator without a range delivered`);
  }
  const [low, high] = gan.range;
  if (low === -1 && high === 1) return flat;
  return flat
    .add(1)
    .mul((high - low) / 2)
    .add(low);
}
