/**
 * Table 1 of the 2014 paper: the log-likelihood of test data under a Parzen window, a Gaussian of width sigma around
 * each sample of a generator, with sigma chosen on validation data.
 *
 * Source: Breuleux, Bengio, Vincent, "Quickly generating representative samples from an RBM-derived process", 2011;
 * Goodfellow et al., "Generative adversarial networks", 2014, section 5.
 */

import type { Communicator } from '../parallel/communicator.js';
import { shareOf } from '../parallel/shard.js';
import { type Distances, rowsAtOnce } from './distances.js';
import type { PointSet } from './sliced-wasserstein.js';

/** Points and samples that are compared at once, unless they are large: together 4 MB of distances. */
const POINTS = 256;
const SAMPLES = 2048;
/** Terms smaller than the largest by this factor's exponent change no digit of a double. */
const NEGLIGIBLE = 45;

export interface ParzenEvents {
  /** Called as distances are computed; `done` never falls. */
  onProgress?: (done: number, total: number) => void;
  /** Ends the work early, with the signal's reason. */
  signal?: AbortSignal;
  /** Processes that share the points, and all have the results; this one alone by default. */
  group?: Communicator;
}

export interface ParzenRequest {
  /** The samples of a generator: float32 [n, size]. */
  samples: PointSet;
  /** Where sigma is chosen; needed for several sigmas, else its mean log-likelihood is left out when it is missing. */
  validation?: PointSet;
  test: PointSet;
  /** Widths to choose from, all above 0. */
  sigmas: readonly number[];
}

export interface ParzenResult {
  /** The width chosen: the first with the highest mean on the validation data. */
  sigma: number;
  /** Mean log-likelihood of a test point, in nats. */
  mean: number;
  /** Of the mean: standard deviation (with n, not n - 1, as in the authors' code) over the root of n. */
  standardError: number;
  /** Mean log-likelihood of the validation data by width; empty without validation data. */
  course: { sigma: number; mean: number }[];
}

/**
 * `count` widths from 0.1 to 1 in equal ratios: the 2014 paper has 10.
 *
 * @param count at least 1
 */
export function parzenSigmas(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 10 ** (count === 1 ? -1 : i / (count - 1) - 1));
}

function checkSets(sets: Readonly<Record<string, PointSet>>, size: number): void {
  for (const [name, set] of Object.entries(sets)) {
    if (set.count < 1) throw new RangeError(`Parzen window: no ${name}, expected at least one point`);
    if (set.size !== size || set.data.length !== set.count * size) {
      throw new RangeError(
        `Parzen window: ${name} are [${set.count}, ${set.size}] in ${set.data.length} values, expected [n, ${size}]`,
      );
    }
  }
}

function rows({ data, size, count }: PointSet, first: number, most: number): Float32Array {
  return data.subarray(first * size, Math.min(count, first + most) * size);
}

/**
 * Adds a chunk of distances to a point's sums of exp(-(distance - nearest) / 2 sigma^2), one for each width, kept
 * relative to the nearest sample so far.
 *
 * @param chunk squared distances of the point to samples
 * @param rates 1 / 2 sigma^2 by width
 * @param sums by width, changed in place
 * @param nearest squared distance of the nearest sample before, infinite at first
 * @returns that of the nearest now
 */
function accumulate(
  chunk: Float64Array,
  rates: readonly number[],
  sums: Float64Array,
  nearest: number,
): number {
  let least = nearest;
  for (let i = 0; i < chunk.length; i++) if (chunk[i]! < least) least = chunk[i]!;
  for (let k = 0; k < rates.length; k++) {
    const rate = rates[k]!;
    const reach = least + NEGLIGIBLE / rate;
    let sum = sums[k]! === 0 ? 0 : sums[k]! * Math.exp((least - nearest) * rate);
    for (let i = 0; i < chunk.length; i++) {
      const distance = chunk[i]!;
      if (distance < reach) sum += Math.exp((least - distance) * rate);
    }
    sums[k] = sum;
  }
  return least;
}

/**
 * The log-likelihood of each point, in nats: log of the mean over n samples of the Gaussian density,
 * logsumexp(-|x - s|^2 / 2 sigma^2) - log n - size log(sigma sqrt(2 pi)). Distances are computed once for all widths.
 *
 * @param points float32 [n, size] @param samples float32 [m, size] @param sigmas widths above 0
 * @returns by width, float64 [n] each
 * @throws RangeError when a set is empty or of another size than `distances`, or a width is not above 0
 */
export async function logLikelihoods(
  distances: Distances,
  { points, samples }: { points: PointSet; samples: PointSet },
  sigmas: readonly number[],
  events: ParzenEvents = {},
): Promise<Float64Array[]> {
  const { size } = distances;
  checkSets({ points, samples }, size);
  for (const sigma of sigmas) {
    if (!(sigma > 0 && Number.isFinite(sigma))) {
      throw new RangeError(`Parzen window: sigma is ${sigma}, expected a number above 0`);
    }
  }
  const { group } = events;
  if (group === undefined) return likelihoodsOf(distances, points, samples, sigmas, events);
  const { first, count } = shareOf(points.count, group);
  const data = points.data.subarray(first * size, (first + count) * size);
  const own = await likelihoodsOf(distances, { count, size, data }, samples, sigmas, events);
  return gatherShares(group, points.count, own);
}

/** Puts together what each process found for its share of the points. */
async function gatherShares(
  group: Communicator,
  count: number,
  own: readonly Float64Array[],
): Promise<Float64Array[]> {
  const shares = Array.from({ length: group.size }, (_, rank) => shareOf(count, { rank, size: group.size }));
  // Rank 0's share is the largest: all send as many numbers.
  const room = shares[0]!.count;
  const sent = new Float64Array(own.length * room);
  for (const [k, values] of own.entries()) sent.set(values, k * room);
  const all = await group.gather(new Uint8Array(sent.buffer));
  const received = all.map((bytes) => new Float64Array(bytes.slice().buffer));
  return own.map((_, k) => {
    const whole = new Float64Array(count);
    for (const [rank, share] of shares.entries()) {
      whole.set(received[rank]!.subarray(k * room, k * room + share.count), share.first);
    }
    return whole;
  });
}

async function likelihoodsOf(
  distances: Distances,
  points: PointSet,
  samples: PointSet,
  sigmas: readonly number[],
  { onProgress, signal }: ParzenEvents,
): Promise<Float64Array[]> {
  const { size } = distances;
  const rates = sigmas.map((sigma) => 1 / (2 * sigma * sigma));
  const nearest = new Float64Array(points.count).fill(Number.POSITIVE_INFINITY);
  const sums = new Float64Array(points.count * sigmas.length);
  const [pointRows, sampleRows] = [rowsAtOnce(size, POINTS), rowsAtOnce(size, SAMPLES)];
  for (let s = 0; s < samples.count; s += sampleRows) {
    const centres = distances.centres(rows(samples, s, sampleRows));
    for (let p = 0; p < points.count; p += pointRows) {
      signal?.throwIfAborted();
      const chunk = await distances.squared(new Float64Array(rows(points, p, pointRows)), centres);
      const count = chunk.length / centres.count;
      for (let i = 0; i < count; i++) {
        const row = chunk.subarray(i * centres.count, (i + 1) * centres.count);
        const own = sums.subarray((p + i) * sigmas.length, (p + i + 1) * sigmas.length);
        nearest[p + i] = accumulate(row, rates, own, nearest[p + i]!);
      }
      onProgress?.(s * points.count + centres.count * (p + count), samples.count * points.count);
    }
  }
  return sigmas.map((sigma, k) => {
    const constant = Math.log(samples.count) + size * Math.log(sigma * Math.sqrt(2 * Math.PI));
    return nearest.map((least, i) => Math.log(sums[i * sigmas.length + k]!) - least * rates[k]! - constant);
  });
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * The paper's estimate: the width of the highest mean log-likelihood on the validation data, then the mean over the test
 * data with its standard error.
 *
 * @throws RangeError when there is no width, or several and no validation data; otherwise as `logLikelihoods`
 */
export async function parzenEstimate(
  distances: Distances,
  { samples, validation, test, sigmas }: ParzenRequest,
  { onProgress, signal, group }: ParzenEvents = {},
): Promise<ParzenResult> {
  if (sigmas.length === 0 || (sigmas.length > 1 && validation === undefined)) {
    throw new RangeError(
      `Parzen window: ${sigmas.length} sigmas and ${validation?.count ?? 'no'} validation points, ` +
        'expected one sigma, or several with points to choose by',
    );
  }
  checkSets({ samples, test, ...(validation === undefined ? {} : { validation }) }, distances.size);
  const total = (test.count + (validation?.count ?? 0)) * samples.count;
  const events = (before: number, { count }: PointSet): ParzenEvents => ({
    // Its share of the points stands for all of them, and may be one larger than that of others.
    onProgress: (done) =>
      onProgress?.(before + Math.min(done * (group?.size ?? 1), count * samples.count), total),
    ...(signal === undefined ? {} : { signal }),
    ...(group === undefined ? {} : { group }),
  });
  const course: ParzenResult['course'] = [];
  if (validation !== undefined) {
    const found = await logLikelihoods(
      distances,
      { points: validation, samples },
      sigmas,
      events(0, validation),
    );
    for (const [k, values] of found.entries()) course.push({ sigma: sigmas[k]!, mean: meanOf(values) });
  }
  const best = course.reduce(
    (a, b) => (b.mean > a.mean ? b : a),
    course[0] ?? { sigma: sigmas[0]!, mean: 0 },
  );
  const before = total - test.count * samples.count;
  const [values] = await logLikelihoods(
    distances,
    { points: test, samples },
    [best.sigma],
    events(before, test),
  );
  const mean = meanOf(values!);
  const deviation = Math.sqrt(meanOf(values!.map((value) => (value - mean) ** 2)));
  return { sigma: best.sigma, mean, standardError: deviation / Math.sqrt(test.count), course };
}
