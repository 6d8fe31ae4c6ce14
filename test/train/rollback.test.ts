import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Note, noteLine } from '../../src/train/health/doctor.js';
import { train } from '../../src/train/index.js';
import { readRunCheckpoint } from '../../src/train/resume.js';
import type { RunOptions } from '../../src/train/run-options.js';
import { idxFolder, temporaryFolder } from '../support/cli.js';
import { faultyEngine } from '../support/faulty-engine.js';
import { SMALL_CONFIG } from '../support/small-config.js';

const config = {
  ...SMALL_CONFIG,
  maxSteps: 30,
  checkpointInterval: 10,
} as const;

function metrics(run: string): Record<string, number | null>[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => ({ ...(JSON.parse(line) as Record<string, number>), ms: 0 }));
}

const generator = (run: string) => readFileSync(join(run, 'generator.onnx')).toString('base64');

function runs() {
  const folder = temporaryFolder();
  const dataDir = idxFolder(64);
  return (name: string, options: Partial<RunOptions> = {}) => {
    const out = join(folder, name);
    const said: string[] = [];
    const on = { note: (note: Note) => said.push(noteLine(note)) };
    const ended = train({ config, out, dataDir, version: '0', threads: 1, on, ...options });
    return { out, said, ended };
  };
}

describe('a run whose losses stop being numbers', () => {
  it('stops at that step, keeps its last checkpoint, and says what to change', async () => {
    const run = runs();
    const { out, ended } = run('run', { engine: faultyEngine((n) => n === 25) });
    await expect(ended).rejects.toThrow(
      `step 25: g_loss is NaN, so training has diverged and no generator was written (metrics and images so far are ` +
        `in ${out}; its last good checkpoint is that of step 20): try a smaller --lr in a new run, or --resume ${out} --on-nan rollback`,
    );
    expect(existsSync(join(out, 'generator.onnx'))).toBe(false);
    expect(readdirSync(out)).not.toContain('run.lock');
    expect((await readRunCheckpoint(out)).step).toBe(20);
  });

  it('is seen at its step also where lines of metrics are rare', async () => {
    const { ended } = runs()('run', { engine: faultyEngine((n) => n === 17), logInterval: 10 });
    await expect(ended).rejects.toThrow('step 17: g_loss is NaN');
  });

  it('goes back once with other noise, and ends; its files are those of the course that was kept', async () => {
    const run = runs();
    const whole = run('whole');
    await whole.ended;
    const { out, said, ended } = run('run', {
      engine: faultyEngine((n) => n === 25),
      onNan: 'rollback',
      keep: 9,
    });
    expect((await ended).steps).toBe(30);
    expect(said).toEqual([
      'step 25: training diverged: g_loss is NaN; the run goes on from step 20 with other latents (rollback 1 of at most 3)',
    ]);
    const [kept, reference] = [metrics(out), metrics(whole.out)];
    expect(kept.map(({ step }) => step)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(kept.slice(0, 20)).toEqual(reference.slice(0, 20));
    expect(kept[20]!['D(G(z))']).not.toBe(reference[20]!['D(G(z))']);

    // Whoever resumes from the checkpoint goes on with the same other noise, to the same end.
    const copy = join(out, '..', 'copy');
    cpSync(out, copy, { recursive: true });
    const resume = await readRunCheckpoint(copy, 20);
    expect(resume.record.rollbacks).toBe(1);
    await run('copy', { resume, keep: 9 }).ended;
    expect(metrics(copy)).toEqual(kept);
    expect(generator(copy)).toBe(generator(out));
    expect((await readRunCheckpoint(copy, 10)).record.rollbacks).toBeUndefined();
  });

  it('goes back to its beginning when it has no checkpoint yet', async () => {
    const run = runs();
    const { out, ended } = run('run', { engine: faultyEngine((n) => n === 4), onNan: 'rollback', keep: 9 });
    expect((await ended).steps).toBe(30);
    expect(metrics(out)).toHaveLength(30);
    const resume = await readRunCheckpoint(out, 0);
    const copy = join(out, '..', 'copy');
    cpSync(out, copy, { recursive: true });
    await run('copy', { resume }).ended;
    expect(generator(copy)).toBe(generator(out));
  });

  it('goes back three times and no more, also when it is resumed in between', async () => {
    const run = runs();
    const engine = faultyEngine((n) => n > 12);
    const { out, said, ended } = run('run', { engine, onNan: 'rollback' });
    await expect(ended).rejects.toThrow(
      /step 10: g_loss is NaN, so training has diverged again after 3 rollbacks .*is that of step 10\): try a smaller --lr in a new run$/,
    );
    expect(said).toHaveLength(3);
    const resume = await readRunCheckpoint(out);
    expect(resume.record.rollbacks).toBe(3);
    const again = run('run', { engine, onNan: 'rollback', resume });
    await expect(again.ended).rejects.toThrow(/diverged again after 3 rollbacks/);
    expect(again.said).toEqual([]);
    expect(readdirSync(join(out, 'checkpoints'))).toEqual(['10']);
  });
});
