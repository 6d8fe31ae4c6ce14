import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  completeName,
  copyFileAtomically,
  replaceFile,
  temporaryName,
  writeFileAtomically,
} from '../../src/system/files.js';
import { temporaryFolder } from '../support/cli.js';

describe('a temporary name', () => {
  it('is another one each time, so that processes of the same number do not share it', () => {
    const names = new Set(Array.from({ length: 100 }, () => temporaryName('/a/b.png')));
    expect(names.size).toBe(100);
    for (const name of names) {
      expect(name).toMatch(/^\/a\/\.b\.png\.[0-9a-f]{8}\.tmp$/);
      expect(completeName(basename(name))).toBe('b.png');
    }
  });

  it.each(['b.png', '.b.png.tmp', '.b.png.1234.tmp', '.b.png.mine-123.tmp'])('is not %s', (name) => {
    expect(completeName(name)).toBeUndefined();
  });
});

describe('a file that is replaced', () => {
  const ways: Record<string, (path: string, source: string) => void | Promise<void>> = {
    writeFileAtomically: (path) => writeFileAtomically(path, 'new'),
    replaceFile: (path) => replaceFile(path, 'new'),
    copyFileAtomically: (path, source) => copyFileAtomically(source, path),
  };

  it.each(Object.keys(ways))('by %s is whole; one that cannot be leaves nothing behind', async (way) => {
    const folder = temporaryFolder();
    const [path, source] = [join(folder, 'file'), join(temporaryFolder(), 'source')];
    writeFileSync(path, 'old');
    writeFileSync(source, 'new');
    await ways[way]!(path, source);
    expect(readFileSync(path, 'utf8')).toBe('new');
    mkdirSync(join(folder, 'taken', 'below'), { recursive: true });
    await expect((async () => ways[way]!(join(folder, 'taken'), source))()).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['file', 'taken']);
    expect(existsSync(join(folder, 'taken', 'below'))).toBe(true);
  });
});
