import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diversity } from '../../src/train/health/diversity.js';
import { createDoctor, type Note, noteLine } from '../../src/train/health/doctor.js';
import { appendNote, cutNotes, readNotes } from '../../src/train/health/notes-file.js';
import { DEFAULT_CONFIG } from '../../src/train/index.js';
import { temporaryFolder } from '../support/cli.js';
import { unit } from '../support/hash.js';

const HEALTHY = { d_loss: 0.6, g_loss: 1, d_real: 0.6, d_fake: 0.4 };
const WON = { d_loss: 0.005, g_loss: 7, d_real: 0.998, d_fake: 0.001 };

/** What a doctor says of `steps` steps whose losses are `metrics`. */
function tell(
  doctor: ReturnType<typeof createDoctor>,
  from: number,
  steps: number,
  metrics: typeof HEALTHY,
): Note[] {
  return Array.from({ length: steps }, (_, i) => doctor.observe(from + i, metrics)).flat();
}

const images = (count: number, value: (image: number, pixel: number) => number) => ({
  count,
  shape: [1, 4, 4] as const,
  data: Float32Array.from({ length: count * 16 }, (_, i) => value(Math.floor(i / 16), i % 16)),
});
/** Images that all differ. */
const varied = images(64, (i, p) => 2 * unit(i, p) - 1);
/** Three images, over and over. */
const three = images(64, (i, p) => 2 * unit(i % 3, p) - 1);
const same = images(64, () => 0.5);

describe('the doctor of a run', () => {
  it('has nothing to say of a run in balance', () => {
    const doctor = createDoctor({ config: DEFAULT_CONFIG });
    expect(tell(doctor, 0, 1000, HEALTHY)).toEqual([]);
    for (const step of [1000, 2000, 3000]) expect(doctor.compare(step, varied, varied)).toEqual([]);
  });

  it('says once that D wins, and once more when it wins again', () => {
    const doctor = createDoctor({ config: DEFAULT_CONFIG });
    const notes = tell(doctor, 0, 500, WON);
    expect(notes.map(noteLine)).toEqual([
      "step 100: D wins: D(x) - D(G(z)) was 0.997 on average over 100 steps, and G's loss is 7.00; " +
        'try a smaller --lr, fewer updates of D (--k), or a D with dropout (--network mlp)',
    ]);
    expect(tell(doctor, 500, 300, HEALTHY)).toEqual([]);
    expect(tell(doctor, 800, 300, WON).map(({ signal, step }) => [signal, step])).toEqual([['d-wins', 900]]);
  });

  it('says how much of the gradient of the minimax loss D lets through, at the step where it is the objective', () => {
    const config = { ...DEFAULT_CONFIG, gan: 'mlp', loss: 'nonsaturating', lossSwitchStep: 50 } as const;
    expect(tell(createDoctor({ config }), 0, 100, WON).map(({ seen, advice }) => [seen, advice])).toEqual([
      [
        "D(x) - D(G(z)) was 0.997 on average over 100 steps, so D lets only 0.1 % of G's gradient through",
        'try --loss nonsaturating, a smaller --lr, fewer updates of D (--k)',
      ],
    ]);
  });

  it('counts readings, however far they are apart', () => {
    const doctor = createDoctor({ config: DEFAULT_CONFIG });
    const notes = Array.from({ length: 100 }, (_, i) => doctor.observe(10 * i, WON)).flat();
    expect(notes).toHaveLength(1);
    expect(notes[0]!.seen).toContain('over 991 steps');
  });

  it('does not take one large loss for a blow-up, but ten of them', () => {
    const doctor = createDoctor({ config: DEFAULT_CONFIG });
    const large = { ...HEALTHY, g_loss: 4000 };
    expect([...tell(doctor, 0, 9, HEALTHY), ...tell(doctor, 9, 1, large)]).toEqual([]);
    expect(tell(doctor, 10, 10, large).map(({ signal, seen }) => [signal, seen])).toEqual([
      [
        'loss-blow-up',
        "G's loss was 4.0e+3 over the last 10 readings, where D is certain beyond what float32 can tell",
      ],
    ]);
    // log(1 - D) of the minimax loss is negative.
    const minimax = tell(createDoctor({ config: DEFAULT_CONFIG }), 0, 10, { ...HEALTHY, g_loss: -40 });
    expect(minimax.map(({ signal }) => signal)).toEqual(['loss-blow-up']);
  });

  it('says that samples are alike when they stay so, not of a generator that has just begun', () => {
    const doctor = createDoctor({ config: DEFAULT_CONFIG });
    const said = (step: number, samples: typeof varied) =>
      doctor.compare(step, samples, varied).map(({ signal }) => signal);
    expect([20, 40, 60].flatMap((step) => said(step, same))).toEqual([]);
    expect([80, 400, 500].flatMap((step) => said(step, varied))).toEqual([]);
    expect(said(600, three)).toEqual([]);
    expect(said(700, three)).toEqual([]);
    expect(said(800, three)).toEqual(['collapse']);
    expect(said(900, three)).toEqual([]);
  });

  it('says that data are alike rather than that samples of them are', () => {
    const doctor = createDoctor({ config: DEFAULT_CONFIG });
    const notes = [100, 1000, 2000].flatMap((step) => doctor.compare(step, same, same));
    expect(notes.map(({ signal, step }) => [signal, step])).toEqual([['same-data', 100]]);
  });

  it('judges data with twins by how far apart they are on the whole', () => {
    const doctor = createDoctor({ config: DEFAULT_CONFIG });
    expect([100, 400, 800].flatMap((step) => doctor.compare(step, three, three))).toEqual([]);
    expect([1100, 1400].flatMap((step) => doctor.compare(step, same, three))[0]).toMatchObject({
      signal: 'collapse',
    });
  });

  const MIB = 2 ** 20;
  it.each([
    ['a leak', (s: number) => (300 + 2 * s) * MIB, 1],
    ['a cache that fills and then stays', (s: number) => (300 + Math.min(400, 8 * s)) * MIB, 0],
    ['a heap that goes up and down', (s: number) => (300 + (s % 60) * 3) * MIB, 0],
    ['a small one', (s: number) => (300 + s / 10) * MIB, 0],
  ])('reads the memory: %s', (_, bytesAt, expected) => {
    let seconds = 0;
    const doctor = createDoctor({
      config: DEFAULT_CONFIG,
      now: () => seconds * 1000,
      memory: () => bytesAt(seconds),
    });
    const notes: Note[] = [];
    for (let step = 0; step < 6000; step++) {
      seconds += 0.1;
      notes.push(...doctor.observe(step, HEALTHY));
    }
    expect(notes.map(({ signal }) => signal)).toEqual(Array(expected).fill('memory'));
  });
});

describe('the diversity of images', () => {
  it('is the distances between them', () => {
    // Four points on a line, at 0, 3, 4 and 8: pairs are 3, 4, 8, 1, 5 and 4 apart.
    const at = [0, 3, 4, 8];
    const { spread, nearest } = diversity({
      count: 4,
      shape: [1, 1, 1],
      data: Float32Array.from(at),
    });
    expect(spread).toBeCloseTo(Math.sqrt((9 + 16 + 64 + 1 + 25 + 16) / 6), 6);
    // Nearest ones are 3, 1, 1 and 4 away: the upper median.
    expect(nearest).toBe(3);
  });

  it('of a few images drawn again and again is small where their spread is not', () => {
    expect(diversity(three).nearest).toBe(0);
    expect(diversity(three).spread).toBeGreaterThan(0.5 * diversity(varied).spread);
  });
});

describe('notes.jsonl', () => {
  const note = (step: number, signal: Note['signal'] = 'd-wins'): Note => ({
    signal,
    step,
    seen: 'seen',
    advice: 'try',
  });

  it('is read back as it was written, without what is damaged', async () => {
    const path = join(temporaryFolder(), 'notes.jsonl');
    expect(await readNotes(path)).toEqual([]);
    writeFileSync(
      path,
      '{"signal":"d-wins"}\nno note\n{"signal":"toString","step":1,"seen":"","advice":""}\n',
    );
    for (const step of [10, 20]) appendNote(path, note(step));
    expect(await readNotes(path)).toEqual([note(10), note(20)]);
  });

  it('forgets what a run gives up, but not that it diverged', async () => {
    const path = join(temporaryFolder(), 'notes.jsonl');
    for (const each of [note(10), note(20), note(25, 'not-a-number'), note(30)]) appendNote(path, each);
    await cutNotes(path, 20);
    expect(await readNotes(path)).toEqual([note(10), note(20), note(25, 'not-a-number')]);
  });
});
