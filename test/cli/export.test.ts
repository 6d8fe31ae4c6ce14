import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/export/index.js';
import { Generator } from '../../src/infer/index.js';
import { decodeModel } from '../../src/onnx/index.js';
import { ganOnnx, smallRun, temporaryFolder } from '../support/cli.js';

const LAYOUT = ['checkpoint', 'eval_model.onnx', 'optimizer_model.onnx', 'training_model.onnx'];
const SMALL = ['--network', 'mlp', '--img-size', '8', '--latent-dim', '8'];

async function exported(...args: string[]): Promise<string> {
  const out = join(temporaryFolder(), 'artifacts');
  const { code, stdout, stderr } = await ganOnnx(['export', ...args, '--out', out]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout).toContain(join(out, 'generator', 'training_model.onnx'));
  return out;
}

async function refuses(args: readonly string[], message: RegExp, code = 1): Promise<void> {
  const result = await ganOnnx(['export', ...args]);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(code);
  expect(result.stdout).toBe('');
}

/** Names of a model's inputs and outputs. */
function names(file: string): { inputs: string[]; outputs: string[] } {
  const { graph } = decodeModel(readFileSync(file));
  const list = (values: { name?: string }[] | undefined) => (values ?? []).map(({ name }) => name!);
  return { inputs: list(graph?.input), outputs: list(graph?.output) };
}

describe('gan-onnx export', () => {
  it("writes ONNX Runtime's layout for fresh networks, the same bytes each time", async () => {
    const [out, again] = [await exported(...SMALL, '--seed', '4'), await exported(...SMALL, '--seed', '4')];
    expect(readdirSync(out).sort()).toEqual(['discriminator', 'generator', 'generator.onnx']);
    for (const network of ['generator', 'discriminator']) {
      expect(readdirSync(join(out, network)).sort()).toEqual(LAYOUT);
      for (const name of LAYOUT) {
        const [first, second] = [out, again].map((folder) => readFileSync(join(folder, network, name)));
        expect(first!.equals(second!), name).toBe(true);
      }
    }
    const { inputs, outputs } = names(join(out, 'discriminator', 'training_model.onnx'));
    const masks = ['fake', 'real'].flatMap((side) => [2, 5].map((i) => `${side}.discriminator.${i}.mask`));
    expect(inputs.slice(0, 2)).toEqual(['real', 'fake']);
    expect(inputs).toEqual(expect.arrayContaining(masks));
    expect(inputs.at(-1)).toBe('lazy_reset_grad');
    expect(inputs).toContain('discriminator.0.weight_grad.accumulation.buffer');
    expect(outputs.slice(0, 3)).toEqual(['d_loss', 'd_real', 'd_fake']);
    expect(outputs).toContain('discriminator.0.weight_grad.accumulation.out');
    expect(names(join(out, 'generator', 'optimizer_model.onnx')).inputs).toEqual([
      'learning_rate',
      'step',
      'params',
      'gradients',
      'first_order_moments',
      'second_order_moments',
    ]);
  });

  it('gives evaluation models the parameters of the training model in the same order', async () => {
    const out = await exported(...SMALL);
    for (const network of ['generator', 'discriminator']) {
      const { trainable, frozen } = decodeCheckpoint(readFileSync(join(out, network, 'checkpoint')));
      const known = new Set([...trainable, ...frozen].map(({ name }) => name));
      const parameters = (model: string) =>
        names(join(out, network, `${model}_model.onnx`)).inputs.filter((name) => known.has(name));
      expect(parameters('eval')).toEqual(parameters('training'));
      expect(parameters('eval')).toHaveLength(known.size);
      const session = await InferenceSession.create(join(out, network, 'eval_model.onnx'));
      await session.release();
    }
  });

  it("takes a run's last checkpoint or an earlier one, and its generator.onnx is the run's", async () => {
    const run = join(temporaryFolder(), 'run');
    const flags = ['--max-steps', '12', '--checkpoint-interval', '8', '--out', run];
    expect((await ganOnnx([...smallRun(), ...flags])).code).toBe(0);
    const [last, earlier] = [await exported(run), await exported(run, '--step', '8')];
    const generator = (folder: string) => readFileSync(join(folder, 'generator.onnx'));
    expect(generator(last).equals(generator(run))).toBe(true);
    expect(generator(earlier).equals(generator(run))).toBe(false);
    const { optimizer, strings, integers } = decodeCheckpoint(
      readFileSync(join(earlier, 'discriminator', 'checkpoint')),
    );
    expect(optimizer!.step).toBe(8);
    expect(integers.get('step')).toBe(8);
    expect(strings.get('moments')).toBe('kept');
    expect([...optimizer!.states.values()][0]!.get('momentum0')!.data.some((x) => x !== 0)).toBe(true);
  });

  it('reads artifacts that were trained on elsewhere, and counts the updates made there', async () => {
    const first = await exported(...SMALL);
    for (const network of ['generator', 'discriminator']) {
      const file = join(first, network, 'checkpoint');
      const { optimizer, ...rest } = decodeCheckpoint(readFileSync(file));
      writeFileSync(file, encodeCheckpoint({ ...rest, optimizer: { ...optimizer!, step: 5 } }));
    }
    const second = await exported(first);
    const generator = await Generator.load(join(second, 'generator.onnx'));
    expect(generator.description.metadata.get('gan-onnx.step')).toBe('5');
    expect((await generator.sample({ count: 2 })).shape).toEqual([1, 8, 8]);
    await generator.release();
    const again = await Generator.load(join(await exported(second), 'generator.onnx'));
    expect(again.description.metadata.get('gan-onnx.step')).toBe('5');
    await again.release();
  });

  it('begins Adam anew, moments and bias correction, where a run has lost its moments', async () => {
    const run = join(temporaryFolder(), 'run');
    const flags = ['--engine', 'training-api', '--max-steps', '9', '--out', run];
    expect((await ganOnnx([...smallRun(), ...flags])).code).toBe(0);
    const kept = decodeCheckpoint(readFileSync(join(run, 'checkpoints', '9', 'generator.checkpoint')));
    expect([kept.optimizer!.step, kept.optimizer!.states.size]).toEqual([9, 0]);
    const out = await exported(run);
    const { optimizer, integers } = decodeCheckpoint(readFileSync(join(out, 'generator', 'checkpoint')));
    expect(optimizer!.step).toBe(0);
    expect(integers.get('updates_before')).toBe(9);
    const moments = [...optimizer!.states.values()].flatMap((states) => [...states.values()]);
    expect(moments.length).toBeGreaterThan(0);
    expect(moments.every(({ data }) => data.every((x) => x === 0))).toBe(true);
    const generator = await Generator.load(join(out, 'generator.onnx'));
    expect(generator.description.metadata.get('gan-onnx.step')).toBe('9');
    await generator.release();
  });

  it('stores the weights of generator.onnx in float16 with --precision fp16, and only those', async () => {
    const large = ['--network', 'mlp', '--img-size', '28', '--latent-dim', '8'];
    const run = join(temporaryFolder(), 'run');
    expect((await ganOnnx([...smallRun(), '--max-steps', '3', '--out', run])).code).toBe(0);
    for (const from of [large, [run]]) {
      const [full, half] = [await exported(...from), await exported(...from, '--precision', 'fp16')];
      const bytes = (folder: string) => readFileSync(join(folder, 'generator.onnx'));
      expect(bytes(half).length / bytes(full).length).toBeLessThan(0.55);
      for (const name of LAYOUT) {
        const [a, b] = [full, half].map((folder) => readFileSync(join(folder, 'generator', name)));
        expect(a!.equals(b!), name).toBe(true);
      }
      const generator = await Generator.load(bytes(half));
      expect(generator.description.metadata.get('gan-onnx.precision')).toBe('fp16');
      expect((await generator.sample({ count: 2 })).count).toBe(2);
      await generator.release();
    }
    await refuses(['--precision', 'fp8'], /Allowed choices are fp32, fp16/, 2);
  });

  it('replaces earlier artifacts with --force, and nothing else', async () => {
    const out = await exported(...SMALL);
    await refuses([...SMALL, '--out', out], /already holds files: choose another folder, or --force/);
    expect((await ganOnnx(['export', ...SMALL, '--seed', '9', '--out', out, '--force'])).code).toBe(0);
    writeFileSync(join(out, 'notes.txt'), 'mine');
    await refuses([...SMALL, '--out', out, '--force'], /holds notes\.txt, which is no artifact/);
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('refuses what it cannot do, and leaves nothing behind', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'artifacts');
    await refuses(['--optimizer', 'sgd', '--out', out], /has no artifacts: the training API has Adam/);
    await refuses([join(folder, 'none'), '--out', out], /none is not the folder of a run/);
    await refuses(['--step', '3', '--out', out], /--step belongs to the export of a run/);
    await refuses(['--channels', '2', '--out', out], /channels is 2: expected 1 \(greyscale\) or 3 \(RGB\)/);
    await refuses(['--network', 'none', '--out', out], /Allowed choices are pytorch-gan, .*mlp/, 2);
    const artifacts = await exported(...SMALL);
    await refuses(
      [artifacts, '--lr', '1', '--out', out],
      /has settings of its own: leave out the flags for lr/,
    );
    truncateSync(join(artifacts, 'generator', 'checkpoint'), 300);
    await refuses([artifacts, '--out', out], /cannot be used: generator\.checkpoint: /);
    mkdirSync(join(folder, 'file'));
    writeFileSync(join(folder, 'file', 'x'), '');
    await refuses(['--out', join(folder, 'file', 'x')], /is a file, expected a folder/);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder)).toEqual(['file']);
  });
});
