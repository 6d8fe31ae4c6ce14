import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isWithin, realPath } from '../../src/system/files.js';
import { firstOf, printable } from '../../src/system/printable.js';
import { temporaryFolder } from '../support/cli.js';

describe('names that are printed', () => {
  it('carry nothing that moves the cursor or turns the line around', () => {
    expect(printable('a\u001b[2J\r\nb\u202egnp.c\u2028')).toBe(
      'a\\u{1b}[2J\\u{d}\\u{a}b\\u{202e}gnp.c\\u{2028}',
    );
    expect(printable('Zoë/日本 1.png')).toBe('Zoë/日本 1.png');
  });

  it('are shortened in the middle', () => {
    expect(printable('x'.repeat(200))).toHaveLength(200);
    expect(printable(`a${'x'.repeat(4000)}z`)).toMatch(/^ax{99}\.\.\.x{99}z$/);
  });

  it('are counted when there are many', () => {
    expect(firstOf(['a', 'b'], 2)).toBe('a, b');
    expect(firstOf(['a', 'b', 'c', 'd'], 2, '; ')).toBe('a; b; and 2 more');
  });
});

describe('places', () => {
  it('lie within a folder or not, whatever their names begin with', () => {
    expect(['/a/b', '/a/b/c', '/a/b/..c'].map((path) => isWithin('/a/b', path))).toEqual([true, true, true]);
    expect(['/a', '/a/bc', '/a/c/b', '/'].map((path) => isWithin('/a/b', path))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it('are found through links, also where nothing is yet', () => {
    const folder = realpathSync(temporaryFolder());
    mkdirSync(join(folder, 'data'));
    symlinkSync(join(folder, 'data'), join(folder, 'link'));
    expect(realPath(join(folder, 'link', 'runs', 'first'))).toBe(join(folder, 'data', 'runs', 'first'));
  });
});
