/** Points as text, one a line, for a keyboard; and back. */

import { DRAWN_RANGE, MAX_DRAWN } from '../../../src/train/data/points/drawn.js';

export function pointsAsText(points: Float32Array, dimension: 1 | 2): string {
  const lines: string[] = [];
  for (let i = 0; i < points.length; i += dimension) {
    lines.push(
      Array.from(points.subarray(i, i + dimension), (value) => String(Number(value.toFixed(2)))).join(' '),
    );
  }
  return lines.join('\n');
}

/** @returns float32 [n, dimension], or the line that says what is wrong */
export function pointsFromText(text: string, dimension: 1 | 2): Float32Array<ArrayBuffer> | string {
  const [low, high] = DRAWN_RANGE;
  const lines = text.split(/\n/).map((line) => line.trim());
  const numbers: number[] = [];
  for (const [i, line] of lines.entries()) {
    if (line === '') continue;
    const row = line.split(/[\s,;]+/).filter((word) => word !== '');
    const values = row.map(Number);
    const where = `Line ${i + 1}`;
    if (values.some((value) => !Number.isFinite(value))) return `${where} has something else than numbers.`;
    if (values.some((value) => value < low || value > high))
      return `${where}: expected numbers from ${low} to ${high}.`;
    if (dimension === 2 && values.length !== 2) return `${where}: expected two numbers, x and y.`;
    numbers.push(...values);
    if (numbers.length / dimension > MAX_DRAWN) return `Expected at most ${MAX_DRAWN} points.`;
  }
  return Float32Array.from(numbers);
}
