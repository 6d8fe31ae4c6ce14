import { Jimp } from 'jimp';
import { describe, expect, it } from 'vitest';
import { encodeGif, enlarge, type Picture } from '../../src/infer/index.js';

/** 16 x 16 pixels with all levels of grey. */
const levels: Picture = {
  width: 16,
  height: 16,
  channels: 1,
  data: Uint8Array.from({ length: 256 }, (_, i) => i),
};
const reversed = { ...levels, data: levels.data.slice().reverse() };

/** Frames of a GIF: its graphic control extensions, each with its delay in hundredths of a second. */
function delays(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let i = 0; i + 6 < bytes.length; i++) {
    if (bytes[i] === 0x21 && bytes[i + 1] === 0xf9 && bytes[i + 2] === 4) {
      found.push(bytes[i + 4]! | (bytes[i + 5]! << 8));
    }
  }
  return found;
}

describe('an animated GIF', () => {
  it('keeps all levels of grey, and shows each frame as long as it should', async () => {
    const bytes = await encodeGif([levels, reversed, levels], { delayMs: 80 });
    expect(Buffer.from(bytes.subarray(0, 6)).toString()).toBe('GIF89a');
    expect(delays(bytes)).toEqual([8, 8, 8]);
    const { bitmap } = await Jimp.read(Buffer.from(bytes));
    expect(Array.from({ length: 256 }, (_, i) => bitmap.data[4 * i])).toEqual([...levels.data]);
  });

  it('brings colours down to those that a frame can have, close to what they were', async () => {
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      return [(pixel % 32) * 8, Math.floor(pixel / 32) * 8, 128][channel]!;
    });
    const bytes = await encodeGif([{ width: 32, height: 32, channels: 3, data }], { delayMs: 100 });
    const { bitmap } = await Jimp.read(Buffer.from(bytes));
    const error = data.reduce(
      (sum, value, i) => sum + Math.abs(value - bitmap.data[Math.floor(i / 3) * 4 + (i % 3)]!),
      0,
    );
    expect(error / data.length).toBeLessThan(12);
  });

  it('refuses what is none', async () => {
    await expect(encodeGif([], { delayMs: 100 })).rejects.toThrow('a GIF needs at least one picture');
    const small = { width: 1, height: 1, channels: 1, data: new Uint8Array(1) };
    await expect(encodeGif([levels, small], { delayMs: 100 })).rejects.toThrow('cannot hold 1 x 1');
  });
});

describe('an enlarged picture', () => {
  it('has every pixel as a square', () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6);
    expect([...enlarge({ width: 2, height: 1, channels: 3, data }, 2).data]).toEqual([
      1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6, 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6,
    ]);
  });
});
