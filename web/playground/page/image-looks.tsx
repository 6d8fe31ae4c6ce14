/** The game with images: what G makes of fixed latents, its manifold, and some of the data. */

import type { Look } from '../protocol.js';
import { PICTURES } from './explanations.js';
import { ImageSheet } from './image-sheet.js';
import { counted } from './numbers.js';
import { Picture } from './picture.js';

export function ImageLooks({ look }: { look: Look & { kind: 'images' } }) {
  const { samples, manifold, data, step } = look;
  const size = `${samples.width} × ${samples.height} pixels`;
  return (
    <div class="image-looks">
      <Picture title="Samples" explanation={PICTURES.samples}>
        <ImageSheet
          images={samples}
          label={`${samples.count} images of ${size} that G makes after step ${counted(step)}`}
        />
      </Picture>
      <div class="beside">
        <Picture title="Data" explanation={PICTURES.data}>
          <ImageSheet images={data} label={`${data.count} images of the data`} />
        </Picture>
        <Picture title="Manifold" explanation={PICTURES.manifold}>
          <ImageSheet
            images={manifold}
            gap={0}
            label={`${manifold.count} images that G makes over a square of its latent space after step ${counted(step)}`}
          />
        </Picture>
      </div>
    </div>
  );
}
