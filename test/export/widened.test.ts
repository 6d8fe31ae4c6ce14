import { describe, expect, it } from 'vitest';
import {
  GANS,
  type GanSpec,
  ganState,
  initialState,
  type Layer,
  resizedState,
  widened,
} from '../../src/export/index.js';
import { sameBits } from '../support/numbers.js';

const SIZE = { image: [1, 8, 8], latentSize: 8 } as const;

/** A generator of these layers before its last one, beside gan.py's discriminator. */
function withGenerator(...layers: Layer[]): GanSpec {
  const gan = GANS['pytorch-gan'](SIZE);
  const last: Layer = { kind: 'linear', units: 64 };
  return { ...gan, generator: { ...gan.generator, layers: [...layers, last] } };
}

const units = ({ generator }: GanSpec) =>
  generator.layers.flatMap((layer) => (layer.kind === 'linear' ? [layer.units] : []));

describe('widened networks', () => {
  it("have no hidden layer whose rows are a multiple of 4096 bytes: gan.py's G", () => {
    const gan = GANS['pytorch-gan'](SIZE);
    expect(units(gan)).toEqual([128, 256, 512, 1024, 64]);
    expect(units(widened(gan))).toEqual([128, 256, 512, 1040, 64]);
    expect(widened(gan).discriminator).toBe(gan.discriminator);
  });

  it.each(['mlp', 'dcgan', 'goodfellow-mnist'] as const)(
    'are the very same where none is slow: %s',
    (name) => {
      const gan = GANS[name](SIZE);
      expect(widened(gan)).toBe(gan);
    },
  );

  it('keep their last layer, and layers whose units that do nothing would do something', () => {
    const linear: Layer = { kind: 'linear', units: 2048 };
    expect(units(widened(withGenerator(linear, { kind: 'tanh' })))).toEqual([2064, 64]);
    for (const layer of [{ kind: 'sigmoid' }, { kind: 'dropout', keep: 0.5 }] as Layer[]) {
      const gan = withGenerator(linear, layer);
      expect(widened(gan)).toBe(gan);
    }
    const gan = withGenerator();
    const last: Layer = { kind: 'linear', units: 1024 };
    const wide = { ...gan, generator: { ...gan.generator, layers: [last] } };
    expect(widened(wide)).toBe(wide);
  });
});

describe('the state of a widened pair', () => {
  const gan = GANS['pytorch-gan'](SIZE);
  const state = initialState(gan, 'adam', 1);
  const wide = resizedState(widened(gan), 'adam', state);

  it('has its shapes, the same numbers, and zeros beside them', () => {
    expect([...wide].map(([name, { shape }]) => [name, shape])).toEqual(
      ganState(widened(gan), 'adam').map(({ name, shape }) => [name, shape]),
    );
    const [narrow, wider] = [state, wide].map((of) => of.get('generator.11.weight')!);
    expect([narrow!.shape, wider!.shape]).toEqual([
      [64, 1024],
      [64, 1040],
    ]);
    for (const row of [0, 1, 63]) {
      expect(wider!.data.slice(1040 * row, 1040 * row + 1024)).toEqual(
        narrow!.data.slice(1024 * row, 1024 * row + 1024),
      );
      expect(wider!.data.slice(1040 * row + 1024, 1040 * (row + 1))).toEqual(new Float32Array(16));
    }
  });

  it('comes back to the bit', () => {
    const back = resizedState(gan, 'adam', wide);
    expect([...back.keys()]).toEqual([...state.keys()]);
    for (const [name, { shape, data }] of state) {
      expect(back.get(name)!.shape, name).toEqual(shape);
      expect(sameBits(back.get(name)!.data, data), name).toBe(true);
    }
  });
});
