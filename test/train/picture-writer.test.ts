import { describe, expect, it } from 'vitest';
import { createPictureWriter } from '../../src/train/picture-writer.js';

const picture = (size: number) => ({
  width: size,
  height: size,
  channels: 1,
  data: new Uint8Array(size * size).map((_, i) => i % 251),
});

describe('the writer of pictures', () => {
  it('gives them in order, the last before it closes', async () => {
    const writer = createPictureWriter();
    const written: number[] = [];
    for (const size of [8, 16, 24]) {
      await writer.write(picture(size), async (png) => {
        await new Promise((resolve) => setTimeout(resolve, 20 - size / 2));
        written.push(Buffer.from(png).readUInt32BE(16));
      });
    }
    await writer.close();
    expect(written).toEqual([8, 16, 24]);
  });

  it('tells whoever comes next that one failed', async () => {
    const writer = createPictureWriter();
    const fail = () => Promise.reject(new Error('full'));
    await writer.write(picture(8), fail);
    await expect(writer.write(picture(8), async () => {})).rejects.toThrow('full');
    await expect(writer.close()).rejects.toThrow('full');
  });
});
