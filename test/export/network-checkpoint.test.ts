import { describe, expect, it } from 'vitest';
import {
  decodeCheckpoint,
  encodeCheckpoint,
  GANS,
  type GanState,
  hasMoments,
  initialState,
  networkCheckpoint,
  networkStateOf,
  type OptimizerSpec,
  withFreshMoments,
} from '../../src/export/index.js';
import { unit } from '../support/hash.js';
import { sameBits } from '../support/numbers.js';
import { ADAM, SGD } from '../support/optimizers.js';

const gan = GANS.mlp({ image: [1, 4, 4], latentSize: 3 });

/** A state whose every number is another one, as after some training. */
function trainedState(optimizer: OptimizerSpec): GanState {
  const state = initialState(gan, optimizer.kind, 1);
  let stream = 0;
  for (const [name, { data, shape }] of state) {
    stream += 1;
    if (data instanceof Int32Array) state.set(name, { shape, data: Int32Array.of(17 + stream) });
    else state.set(name, { shape, data: data.map((_, i) => (unit(i, stream) - 0.5) * 10 ** -(stream % 9)) });
  }
  return state;
}

function throughFile(
  network: 'generator' | 'discriminator',
  optimizer: OptimizerSpec,
  state: GanState,
): GanState {
  const bytes = encodeCheckpoint(networkCheckpoint(gan[network], optimizer, state));
  return networkStateOf(gan[network], optimizer, decodeCheckpoint(bytes));
}

describe('the checkpoint of a network', () => {
  it.each([
    ['adam', ADAM],
    ['sgd', SGD],
  ])('gives every tensor of %s back bit for bit', (_, optimizer) => {
    const state = trainedState(optimizer);
    for (const network of ['generator', 'discriminator'] as const) {
      const back = throughFile(network, optimizer, state);
      const own = [...state.keys()].filter((name) => name.startsWith(network));
      expect([...back.keys()].sort()).toEqual(own.sort());
      for (const [name, { data, shape }] of back) {
        expect(sameBits(data, state.get(name)!.data), name).toBe(true);
        expect(shape, name).toEqual(state.get(name)!.shape);
      }
    }
  });

  it("holds Adam's moments as torch.optim and ONNX Runtime mean them", () => {
    const state = trainedState(ADAM);
    const { optimizer } = networkCheckpoint(gan.generator, ADAM, state);
    const name = 'generator.0.weight';
    const kept = state.get(`${name}.momentum0`)!.data;
    // The step graphs keep m * sqrt(1 - b2) / (1 - b1).
    const scale = Math.sqrt(1 - 0.999) / (1 - 0.5);
    const moments = optimizer!.states.get(name)!;
    const expected = Float32Array.from(kept, (x) => x / scale);
    expect(sameBits(moments.get('momentum0')!.data, expected)).toBe(true);
    expect(sameBits(moments.get('momentum1')!.data, state.get(`${name}.momentum1`)!.data)).toBe(true);
    expect(optimizer!.step).toBe(state.get('generator.step')!.data[0]);
  });

  it('believes moments that another engine has moved more than the exact ones beside them', () => {
    const state = trainedState(ADAM);
    const file = decodeCheckpoint(encodeCheckpoint(networkCheckpoint(gan.generator, ADAM, state)));
    const moved = file.optimizer!.states.get('generator.0.bias')!.get('momentum0')!.data;
    moved[3] = moved[3]! * 2;
    const back = networkStateOf(gan.generator, ADAM, file).get('generator.0.bias.momentum0')!.data;
    const scale = Math.sqrt(1 - 0.999) / (1 - 0.5);
    const expected = moved.map((value) => value * scale);
    expect(sameBits(back, expected)).toBe(true);
  });

  it('may lack moments; then fresh ones are zero and the optimiser counts from zero', () => {
    const state = trainedState(ADAM);
    for (const name of [...state.keys()]) if (name.includes('.momentum')) state.delete(name);
    const back = throughFile('generator', ADAM, state);
    expect(hasMoments(gan.generator, ADAM, back)).toBe(false);
    expect(back.get('generator.step')!.data[0]).toBe(state.get('generator.step')!.data[0]);
    const fresh = withFreshMoments(gan.generator, ADAM, back);
    expect(hasMoments(gan.generator, ADAM, fresh)).toBe(true);
    expect(fresh.get('generator.step')!.data[0]).toBe(0);
    expect(fresh.get('generator.3.weight.momentum1')!.data.every((x) => x === 0)).toBe(true);
    expect(sameBits(fresh.get('generator.3.weight')!.data, state.get('generator.3.weight')!.data)).toBe(true);
  });

  it.each([
    [
      'another network',
      () => networkCheckpoint(gan.discriminator, ADAM, trainedState(ADAM)),
      'it has no parameter generator.0.weight that is trained: it is of another network',
    ],
    [
      'another size',
      () => {
        const other = GANS.mlp({ image: [1, 4, 4], latentSize: 5 });
        return networkCheckpoint(other.generator, ADAM, initialState(other, 'adam', 1));
      },
      'its generator.0.weight is [256, 5], expected [256, 3]: it is of another network',
    ],
    [
      'a parameter too many',
      () => {
        const file = networkCheckpoint(gan.generator, ADAM, trainedState(ADAM));
        return { ...file, frozen: [...file.frozen, { name: 'more', shape: [1], data: new Float32Array(1) }] };
      },
      'it has a parameter more, which this network does not have',
    ],
    [
      'a trained parameter among those that are not',
      () => {
        const { trainable, frozen, ...rest } = networkCheckpoint(gan.generator, ADAM, trainedState(ADAM));
        return { ...rest, trainable: trainable.slice(1), frozen: [...frozen, trainable[0]!] };
      },
      'it has no parameter generator.0.weight that is trained: it is of another network',
    ],
    [
      'moments of some parameters only',
      () => {
        const file = networkCheckpoint(gan.generator, ADAM, trainedState(ADAM));
        const states = new Map([...file.optimizer!.states].slice(1));
        return { ...file, optimizer: { ...file.optimizer!, states } };
      },
      'it has no momentum0 of parameter generator.0.weight',
    ],
    [
      'moments of another shape',
      () => {
        const file = networkCheckpoint(gan.generator, ADAM, trainedState(ADAM));
        const wrong = { name: 'momentum1', shape: [2], data: new Float32Array(2) };
        const states = new Map(file.optimizer!.states);
        states.set('generator.0.bias', new Map([...states.get('generator.0.bias')!, ['momentum1', wrong]]));
        return { ...file, optimizer: { ...file.optimizer!, states } };
      },
      'its generator.0.bias.momentum1 is [2], expected [256]: it is of another network',
    ],
  ])('is refused for %s', (_, make, message) => {
    expect(() => networkStateOf(gan.generator, ADAM, make())).toThrow(message);
  });
});
