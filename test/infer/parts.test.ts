import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildGeneratorModel, GANS, initialState } from '../../src/export/index.js';
import {
  Generator,
  openSampleParts,
  type PartsRequest,
  partCount,
  type WritePartsOptions,
  writeSampleParts,
} from '../../src/infer/index.js';
import { shardParts } from '../../src/infer/parts/job.js';
import { parseIdx } from '../../src/train/data/idx.js';
import { temporaryFolder } from '../support/cli.js';

const gan = GANS.mlp({ image: [3, 4, 4], latentSize: 5 });
const origin = { dataset: 'none', step: 0, version: '0' };
const model = buildGeneratorModel(gan, initialState(gan, 'adam', 1), origin);
const request = { model, format: 'idx', count: 300, partSize: 64, seed: 7 } as const;

/** Opens a shard and writes what is missing of it. */
async function sample(options: PartsRequest, how: WritePartsOptions = {}) {
  const notes: string[] = [];
  const opened = await openSampleParts(options, { note: (line) => notes.push(line) });
  const generator = await Generator.load(options.model);
  try {
    if (!opened.complete) await writeSampleParts(opened, generator, how);
  } finally {
    await generator.release();
  }
  return { kept: [...opened.kept.keys()], complete: opened.complete, notes };
}

/** Contents of the files of a folder, by name. */
function contents(folder: string, names = /./): Record<string, string> {
  const found = readdirSync(folder).filter((name) => names.test(name));
  return Object.fromEntries(found.map((name) => [name, readFileSync(join(folder, name)).toString('base64')]));
}

const PARTS = /^(part|latents)-/;

describe('shards', () => {
  it('together have every part once and in order, each a contiguous block', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 1000 }),
        (count, partSize, of, start) => {
          const job = { ...request, model: '', options: '{}', latents: false, count, partSize, start };
          const parts = Array.from({ length: of }, (_, index) => shardParts(job, { index, of })).flat();
          expect(parts).toHaveLength(partCount(job));
          let next = start;
          for (const part of parts) {
            expect(part.start).toBe(next);
            expect(part.count).toBeLessThanOrEqual(partSize);
            next += part.count;
          }
          expect(next).toBe(start + count);
          expect(new Set(parts.map(({ name }) => name)).size).toBe(parts.length);
        },
      ),
    );
  });

  it.each(['idx', 'npy'] as const)(
    'of %s in one folder or in three equal one process, latents too',
    async (format) => {
      const folder = temporaryFolder();
      const out = (name: string) => join(folder, name);
      const job = { ...request, format, start: 10, latents: true };
      await sample({ ...job, out: out('one') });
      for (const index of [2, 0, 1]) {
        await sample({ ...job, out: out('shared'), shard: { index, of: 3 } }, { batchSize: 7 });
        await sample({ ...job, out: out(`own-${index}`), shard: { index, of: 3 } }, { batchSize: 1000 });
      }
      const whole = contents(out('one'), PARTS);
      expect(Object.keys(whole)).toHaveLength(10);
      expect(contents(out('shared'), PARTS)).toEqual(whole);
      const own = [0, 1, 2].map((index) => contents(out(`own-${index}`), PARTS));
      expect(Object.assign({}, ...own)).toEqual(whole);
      expect(contents(out('shared'), /^manifest/)).toEqual(
        Object.assign({}, ...[0, 1, 2].map((index) => contents(out(`own-${index}`), /^manifest/))),
      );
    },
  );

  it('hold the samples of the generator', async () => {
    const out = join(temporaryFolder(), 'parts');
    await sample({ ...request, out, start: 100 });
    const generator = await Generator.load(model);
    const { data } = await generator.sample({ count: 44, seed: 7, start: 100 + 4 * 64 });
    await generator.release();
    const last = parseIdx(readFileSync(join(out, 'part-000004.idx')), 'last');
    expect(last.shape).toEqual([44, 3, 4, 4]);
    expect([...last.data]).toEqual([...data].map((value) => Math.floor(((value + 1) / 2) * 255 + 0.5)));
  });
});

describe('a manifest', () => {
  it('says what was sampled, and the checksum of every file; nothing of the moment', async () => {
    const folder = temporaryFolder();
    const [out, again] = [join(folder, 'a'), join(folder, 'b')];
    await sample({ ...request, out, latents: true });
    await sample({ ...request, out: again, latents: true });
    const text = readFileSync(join(out, 'manifest-0-of-1.json'), 'utf8');
    expect(readFileSync(join(again, 'manifest-0-of-1.json'), 'utf8')).toBe(text);
    const { parts, ...header } = JSON.parse(text);
    expect(header).toEqual({
      'gan-onnx': JSON.parse(readFileSync('package.json', 'utf8')).version,
      model: createHash('sha256').update(model).digest('hex'),
      options: '{}',
      seed: 7,
      start: 0,
      count: 300,
      format: 'idx',
      partSize: 64,
      latents: true,
      shape: [3, 4, 4],
      device: 'cpu',
      shard: { index: 0, of: 1 },
    });
    const sum = (name: string) => {
      const bytes = readFileSync(join(out, name));
      return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    };
    expect(parts).toEqual(
      [0, 1, 2, 3, 4].map((i) => ({
        name: `part-00000${i}.idx`,
        start: 64 * i,
        count: i === 4 ? 44 : 64,
        ...sum(`part-00000${i}.idx`),
        latents: sum(`latents-00000${i}.npy`),
      })),
    );
  });

  it('of a shard without parts is empty', async () => {
    const out = join(temporaryFolder(), 'parts');
    const shard = { index: 0, of: 2_000_000 };
    await sample({ ...request, out, shard });
    expect(readdirSync(out)).toEqual(['manifest-0-of-2000000.json']);
    expect(JSON.parse(readFileSync(join(out, 'manifest-0-of-2000000.json'), 'utf8')).parts).toEqual([]);
    expect((await sample({ ...request, out, shard })).complete).toBe(true);
  });
});

describe('the same shard again', () => {
  it('goes on where it was stopped, and ends with the same bytes', async () => {
    const folder = temporaryFolder();
    const [out, whole] = [join(folder, 'stopped'), join(folder, 'whole')];
    await sample({ ...request, out: whole });
    const stop = new AbortController();
    const how = {
      batchSize: 32,
      signal: stop.signal,
      progress: (n: number) => n >= 128 && stop.abort(new Error('stop')),
    };
    await expect(sample({ ...request, out }, how)).rejects.toThrow('stop');
    expect(readdirSync(out)).toEqual(['manifest-0-of-1.jsonl', 'part-000000.idx', 'part-000001.idx']);
    // A process that is killed leaves these: a part in the making, and half a line.
    writeFileSync(join(out, '.part-000002.idx.0123abcd.tmp'), 'half');
    writeFileSync(join(out, 'manifest-0-of-1.jsonl'), '{"name":"part-0000', { flag: 'a' });
    writeFileSync(join(out, '.part-000002.idx.mine.tmp'), 'not ours');
    const { kept, notes } = await sample({ ...request, out });
    expect(kept).toEqual(['part-000000.idx', 'part-000001.idx']);
    expect(notes).toEqual([]);
    expect(contents(out, /^(?!\.part-000002\.idx\.mine)/)).toEqual(contents(whole));
    expect(existsSync(join(out, '.part-000002.idx.mine.tmp'))).toBe(true);
    expect((await sample({ ...request, out })).complete).toBe(true);
  });

  it('at the same time ends with the right bytes, and one line for who comes second', async () => {
    const folder = temporaryFolder();
    const [out, whole] = [join(folder, 'both'), join(folder, 'whole')];
    const job = { ...request, partSize: 16 };
    await sample({ ...job, out: whole });
    const both = await Promise.allSettled([0, 1].map(() => sample({ ...job, out }, { batchSize: 16 })));
    const failed = both.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
    expect(failed.length).toBeLessThan(2);
    for (const line of failed) {
      expect(line).toMatch(
        /the output was taken away .*: finished parts stay, and the same command goes on$/,
      );
    }
    expect(contents(out)).toEqual(contents(whole));
  });

  it('draws parts again that are gone or altered, and says which', async () => {
    const out = join(temporaryFolder(), 'parts');
    const job = { ...request, out, latents: true };
    await sample(job);
    const whole = contents(out);
    const part = readFileSync(join(out, 'part-000001.idx'));
    part[100]! ^= 1;
    writeFileSync(join(out, 'part-000001.idx'), part);
    rmSync(join(out, 'part-000002.idx'));
    writeFileSync(join(out, 'latents-000003.npy'), 'shorter');
    // The right contents, but not in the folder.
    renameSync(join(out, 'part-000004.idx'), join(out, '..', 'elsewhere'));
    symlinkSync(join(out, '..', 'elsewhere'), join(out, 'part-000004.idx'));
    const { kept, notes } = await sample(job);
    expect(kept).toEqual(['part-000000.idx']);
    expect(notes).toEqual([
      'part-000001.idx was altered: drawing it again',
      'part-000002.idx is missing: drawing it again',
      'part-000003.idx was altered: drawing it again',
      'part-000004.idx was altered: drawing it again',
    ]);
    expect(contents(out)).toEqual(whole);
  });
});

describe('verifying the parts that are there', () => {
  it('tells how far it is, and ends when it is told to', async () => {
    const out = join(temporaryFolder(), 'parts');
    await sample({ ...request, out });
    const seen: number[][] = [];
    await openSampleParts({ ...request, out }, { progress: (...counts) => seen.push(counts) });
    expect(seen).toEqual([0, 1, 2, 3, 4, 5].map((done) => [done, 5]));
    const stop = new AbortController();
    const verified: number[] = [];
    const progress = (done: number) => {
      verified.push(done);
      if (done === 2) stop.abort(new Error('enough'));
    };
    const opened = openSampleParts({ ...request, out }, { progress, signal: stop.signal });
    await expect(opened).rejects.toThrow('enough');
    expect(verified).toEqual([0, 1, 2]);
    const late = new AbortController();
    const atTheEnd = (done: number) => done === 5 && late.abort(new Error('late'));
    await expect(
      openSampleParts({ ...request, out }, { progress: atTheEnd, signal: late.signal }),
    ).rejects.toThrow('late');
  });
});

describe('a folder of parts', () => {
  const other = buildGeneratorModel(gan, initialState(gan, 'adam', 2), origin);
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex').slice(0, 12);

  it.each([
    [{ seed: 8 }, 'seed 7, not seed 8'],
    [{ model: other }, `model ${hash(model)}, not model ${hash(other)}`],
    [{ start: 1 }, 'start 0, not start 1'],
    [{ count: 301 }, 'count 300, not count 301'],
    [{ format: 'npy' as const }, 'format idx, not format npy'],
    [{ partSize: 128 }, 'part size 64, not part size 128'],
    [{ latents: true }, 'no latents, not latents'],
    [{ device: 'webgpu' }, 'device cpu, not device webgpu'],
    [{ seed: 8, count: 2, shard: { index: 1, of: 2 } }, 'seed 7, not seed 8; count 300, not count 2'],
  ])('of one run takes no other: %#', async (change, message) => {
    const out = join(temporaryFolder(), 'parts');
    await sample({ ...request, out });
    const before = contents(out);
    await expect(openSampleParts({ ...request, out, ...change })).rejects.toThrow(
      `out ${out} holds samples of another run (${message}): use the settings of manifest-0-of-1.json, ` +
        'another folder, or force to replace them',
    );
    expect(contents(out)).toEqual(before);
  });

  it('with force gives up the files of another run, and no others', async () => {
    const folder = temporaryFolder();
    const [out, fresh] = [join(folder, 'used'), join(folder, 'fresh')];
    await sample({ ...request, out, format: 'npy' });
    writeFileSync(join(out, 'part-000001.npy'), 'edited since');
    writeFileSync(join(out, 'notes.txt'), 'mine');
    await sample({ ...request, out, seed: 8, force: true });
    await sample({ ...request, out: fresh, seed: 8 });
    expect(contents(out)).toEqual({
      ...contents(fresh),
      'part-000001.npy': Buffer.from('edited since').toString('base64'),
      'notes.txt': Buffer.from('mine').toString('base64'),
    });
  });

  it('is not one that holds other things, nor a file', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'part-000000.idx'), 'mine');
    for (const force of [false, true]) {
      await expect(openSampleParts({ ...request, out: folder, force })).rejects.toThrow(
        `out ${folder} holds files that are not samples: choose another folder`,
      );
    }
    const file = join(folder, 'part-000000.idx');
    await expect(openSampleParts({ ...request, out: file })).rejects.toThrow(/is a file: expected a folder/);
    const missing = join(folder, 'a', 'b');
    await expect(openSampleParts({ ...request, out: missing })).rejects.toThrow(
      /the folder .*a does not exist/,
    );
    expect(readdirSync(folder)).toEqual(['part-000000.idx']);
  });

  it.each(['', '[]', '{"parts":[]}', 'null', '{"gan-onnx":1,"parts":{}}', '\u0000'])(
    'with a damaged manifest (%j) is refused, and begun again with force',
    async (text) => {
      const out = join(temporaryFolder(), 'parts');
      mkdirSync(out);
      writeFileSync(join(out, 'manifest-0-of-1.json'), text);
      await expect(openSampleParts({ ...request, out })).rejects.toThrow(
        `${join(out, 'manifest-0-of-1.json')} is damaged: expected a manifest of gan-onnx sample: force to begin again`,
      );
      await sample({ ...request, out, force: true });
      expect((await sample({ ...request, out })).complete).toBe(true);
    },
  );

  it('with a manifest whose entries are another part’s trusts none of them', async () => {
    const out = join(temporaryFolder(), 'parts');
    await sample({ ...request, out });
    const whole = contents(out);
    const path = join(out, 'manifest-0-of-1.json');
    const [text, begin] = [readFileSync(path, 'utf8'), '"parts": ['];
    const [first, second] = JSON.parse(text).parts;
    const entries = [
      { ...second, name: first.name },
      { ...first, name: '../../etc/passwd' },
    ];
    const lines = entries.map((entry) => `\n    ${JSON.stringify(entry)}`).join(',');
    writeFileSync(path, `${text.slice(0, text.indexOf(begin))}${begin}${lines}\n  ]\n}\n`);
    const { kept, notes } = await sample({ ...request, out });
    expect(kept).toEqual([]);
    expect(notes[0]).toBe('part-000000.idx is there and in no manifest: drawing it again');
    expect(contents(out)).toEqual(whole);
  });

  it('with a manifest that says more than settings shows none of it', async () => {
    const out = join(temporaryFolder(), 'parts');
    await sample({ ...request, out });
    const path = join(out, 'manifest-0-of-1.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"device": "cpu"', '"device": "cpu\\u001b[2J"'));
    await expect(openSampleParts({ ...request, out, device: 'cpu' })).rejects.toThrow(/json is damaged/);
  });

  it('whose manifest is huge is refused at once, whatever it is filled with', async () => {
    const out = join(temporaryFolder(), 'parts');
    await sample({ ...request, out });
    const [finished, progress] = ['manifest-0-of-1.json', 'manifest-0-of-1.jsonl'];
    const text = readFileSync(join(out, finished), 'utf8');
    const { parts, ...header } = JSON.parse(text);
    rmSync(join(out, finished));
    const line = JSON.stringify(header);
    // The job's own bound: five parts. And a job of a hundred thousand parts, none of which is one.
    const small = Buffer.concat([Buffer.from(`${line}\n`), Buffer.alloc(20_000_000, '\n')]);
    writeFileSync(join(out, progress), small);
    await expect(openSampleParts({ ...request, out })).rejects.toThrow(`${progress} is damaged`);
    const many = JSON.stringify({ ...header, count: 6_400_000 });
    writeFileSync(join(out, progress), `${many}\n${'\n'.repeat(20_000_000)}`);
    const job = { ...request, count: 6_400_000, out };
    const { kept } = await openSampleParts(job);
    expect(kept.size).toBe(0);
    rmSync(join(out, progress));
    const opened = text.slice(0, text.indexOf('"parts"')).replace('"count": 300', '"count": 6400000');
    for (const filling of ['[],', '[', '\n', '\n    {},']) {
      const bytes = Buffer.alloc(20_000_000, filling);
      writeFileSync(join(out, finished), Buffer.concat([Buffer.from(`${opened}"parts": [`), bytes]));
      await expect(openSampleParts(job)).rejects.toThrow(`${finished} is damaged`);
    }
    expect(parts).toHaveLength(5);
  });

  it('whose unfinished manifest has a line that is no entry is believed up to there', async () => {
    const out = join(temporaryFolder(), 'parts');
    await sample({ ...request, out });
    const whole = contents(out);
    const { parts, ...header } = JSON.parse(readFileSync(join(out, 'manifest-0-of-1.json'), 'utf8'));
    rmSync(join(out, 'manifest-0-of-1.json'));
    const lines = [header, parts[0], { ...parts[1], bytes: -1 }, parts[2]].map((line) =>
      JSON.stringify(line),
    );
    writeFileSync(join(out, 'manifest-0-of-1.jsonl'), `${lines.join('\n')}\n`);
    const { kept, notes } = await sample({ ...request, out });
    expect(kept).toEqual(['part-000000.idx']);
    expect(notes).toEqual(
      [1, 2, 3, 4].map((i) => `part-00000${i}.idx is there and in no manifest: drawing it again`),
    );
    expect(contents(out)).toEqual(whole);
  });

  it('says of every file that no manifest knows that it is drawn again, also of latents', async () => {
    const out = join(temporaryFolder(), 'parts');
    const job = { ...request, out, latents: true };
    await sample({ ...job, shard: { index: 0, of: 2 } });
    writeFileSync(join(out, 'part-000003.idx'), 'mine');
    writeFileSync(join(out, 'latents-000004.npy'), 'mine');
    const { notes } = await sample({ ...job, shard: { index: 1, of: 2 } });
    expect(notes).toEqual([
      'part-000003.idx is there and in no manifest: drawing it again',
      'latents-000004.npy is there and in no manifest: drawing it again',
    ]);
  });

  it('in one split takes no shard of another; with force it is begun again, and ends whole', async () => {
    const folder = temporaryFolder();
    const [out, whole] = [join(folder, 'parts'), join(folder, 'whole')];
    await sample({ ...request, out: whole });
    const job = { ...request, out };
    await sample({ ...job, shard: { index: 0, of: 2 } });
    const before = contents(out);
    for (const of of [3, 1]) {
      await expect(openSampleParts({ ...job, shard: { index: 0, of } })).rejects.toThrow(
        `out ${out} holds these samples in 2 shards (manifest-0-of-2.json), not in ${of}: ` +
          `use shard <i>/2, another folder, or force to begin again in ${of}`,
      );
    }
    expect(contents(out)).toEqual(before);
    for (const index of [2, 0, 1]) {
      const { notes } = await sample({ ...job, shard: { index, of: 3 }, force: true });
      // The first one took the other split's manifest away: the parts that it leaves are in none until they are drawn.
      expect(notes.every((line) => /is there and in no manifest/.test(line))).toBe(true);
    }
    expect(contents(out, PARTS)).toEqual(contents(whole, PARTS));
    expect(Object.keys(contents(out, /^manifest/))).toEqual(
      [0, 1, 2].map((index) => `manifest-${index}-of-3.json`),
    );
  });

  it.each([
    [
      { format: 'grid' as const },
      /^format grid is one picture and cannot be split into parts: use format png$/,
    ],
    [{ count: 2_000_000, partSize: 1 }, /^partSize 1 makes 2000000 parts, expected at most 1000000/],
    [{ shard: { index: 2, of: 2 } }, /shard 2 of 2: expected 0 <= index < of/],
    [{ count: 0 }, /count and partSize must be whole numbers/],
    [
      { count: 10 ** 14, partSize: 10 ** 9 },
      /parts would take 4800000000000000 bytes and its disk has .* free: use a smaller count or/,
    ],
  ])('is not made for %j', async (change, message) => {
    const out = join(temporaryFolder(), 'parts');
    await expect(sample({ ...request, out, ...change })).rejects.toThrow(message);
    expect(existsSync(out)).toBe(false);
  });
});
