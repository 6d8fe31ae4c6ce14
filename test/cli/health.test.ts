import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ganOnnx, idxFile, smallRun, temporaryFolder } from '../support/cli.js';

const ENDLESS = ['--n-epochs', '99999', '--threads', '1'];

/** What a run says beside its progress, and its exit code; the lines of notes.jsonl that it leaves. */
async function runs(flags: readonly string[]) {
  const out = join(temporaryFolder(), 'run');
  const { code, stderr } = await ganOnnx([...smallRun(), ...ENDLESS, ...flags, '--out', out]);
  const lines = stderr.split('\n').filter((line) => /^(step \d+: |gan-onnx: )/.test(line));
  const file = join(out, 'notes.jsonl');
  const notes = existsSync(file)
    ? readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { signal: string }).signal)
    : [];
  return { out, code, lines, notes };
}

describe('a run that goes wrong', () => {
  it('by Adam at --lr 10 is told that its losses blow up', async () => {
    const { code, lines, notes } = await runs(['--lr', '10', '--max-steps', '40']);
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^step \d+: losses blow up: [DG]'s loss was .*; try a smaller --lr$/);
    expect(notes[0]).toBe('loss-blow-up');
  });

  it('by SGD at --lr 10 returns three times, and then ends with its last good checkpoint', async () => {
    const flags = ['--optimizer', 'sgd', '--lr', '10', '--checkpoint-interval', '2', '--max-steps', '400'];
    const { out, code, lines, notes } = await runs([...flags, '--on-nan', 'rollback']);
    expect(code).toBe(1);
    expect(notes).toEqual(Array(4).fill('not-a-number'));
    expect(lines).toHaveLength(4);
    for (const [i, line] of lines.slice(0, 3).entries()) {
      expect(line).toMatch(
        new RegExp(
          `training diverged: .*; the run goes on from step \\d+ with other latents \\(rollback ${i + 1} of at most 3\\)$`,
        ),
      );
    }
    expect(lines[3]).toMatch(/^gan-onnx: step \d+: .*diverged again after 3 rollbacks.*try a smaller --lr/);
    expect(readdirSync(join(out, 'checkpoints')).length).toBeGreaterThan(0);
    expect(existsSync(join(out, 'generator.onnx'))).toBe(false);
  });

  it('because D learns a hundred times faster is told that D wins', async () => {
    const flags = ['--schedule', 'd-first', '--k', '100', '--loss', 'minimax', '--batch-size', '8'];
    const { code, lines } = await runs([...flags, '--max-steps', '110']);
    expect(code).toBe(0);
    expect(lines[0]).toMatch(
      /^step 1[01]0: D wins: D\(x\) - D\(G\(z\)\) was .* so D lets only .* % of G's gradient through; try --loss nonsaturating/,
    );
  }, 300_000);

  it('because its data are one image is told so', async () => {
    const data = temporaryFolder();
    writeFileSync(join(data, 'train-images-idx3-ubyte'), idxFile([100, 8, 8], new Uint8Array(6400).fill(90)));
    writeFileSync(join(data, 'train-labels-idx1-ubyte'), idxFile([100], new Uint8Array(100)));
    const flags = ['--data-dir', data, '--checkpoint-interval', '10', '--max-steps', '20'];
    const { code, lines } = await runs(flags);
    expect(code).toBe(0);
    expect(lines).toEqual([
      'step 10: data are alike: all training images that were compared are the same; look whether --data-dir holds the images that you mean',
    ]);
  });
});
