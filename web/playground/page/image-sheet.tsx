/** Images side by side on one canvas, as large as their pixels; the style sheet enlarges it. */

import { useEffect, useRef } from 'preact/hooks';
import type { Drawing } from '../protocol.js';

export interface ImageSheetProps {
  images: Drawing & { kind: 'images' };
  /** Images a row; about as many as there are rows by default. */
  columns?: number;
  /** Pixels between images. */
  gap?: number;
  label: string;
}

export function ImageSheet({ images, columns, gap = 1, label }: ImageSheetProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const across = columns ?? Math.ceil(Math.sqrt(images.count));
  useEffect(() => {
    const { count, width, height, rgba } = images;
    const target = canvas.current!;
    const down = Math.ceil(count / across);
    target.width = across * (width + gap) - gap;
    target.height = down * (height + gap) - gap;
    const context = target.getContext('2d')!;
    const bytes = width * height * 4;
    for (let i = 0; i < count; i++) {
      const image = new ImageData(rgba.subarray(i * bytes, (i + 1) * bytes), width, height);
      context.putImageData(image, (i % across) * (width + gap), Math.floor(i / across) * (height + gap));
    }
  }, [images, across, gap]);
  return <canvas class="sheet" ref={canvas} role="img" aria-label={label} />;
}
