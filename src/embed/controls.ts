/** The sliders and the button of `<gan-sampler>`: plain form controls, so that keyboards and screen readers know them. */

import type { DrawSettings } from './attributes.js';

/** How far the visitor has moved things. */
export interface Moves {
  /** Added to the first components of every latent. */
  shifts: number[];
  /** Of the way to the next seed's samples, 0 to 1. */
  way: number;
}

export interface Controls {
  readonly moves: Moves;
  readonly elements: HTMLElement[];
}

interface SliderOptions {
  text: string;
  min: number;
  max: number;
  step: number;
  onMove: (value: number) => void;
}

function slider({ text, min, max, step, onMove }: SliderOptions): HTMLElement {
  const label = document.createElement('label');
  const name = document.createElement('span');
  name.textContent = text;
  const input = document.createElement('input');
  const output = document.createElement('output');
  Object.assign(input, { type: 'range', min: String(min), max: String(max), step: String(step), value: '0' });
  output.textContent = '0';
  input.addEventListener('input', () => {
    output.textContent = input.value;
    onMove(input.valueAsNumber);
  });
  label.append(name, input, output);
  return label;
}

/**
 * @param onMove called when a slider has moved
 * @param onNext called when other samples are asked for
 */
export function createControls(
  { sliders, interpolate, controls }: DrawSettings,
  latentSize: number,
  { onMove, onNext }: { onMove: () => void; onNext: () => void },
): Controls {
  const moves: Moves = { shifts: new Array<number>(Math.min(sliders, latentSize)).fill(0), way: 0 };
  const elements = moves.shifts.map((_, i) =>
    slider({
      text: `Latent ${i + 1}`,
      min: -3,
      max: 3,
      step: 0.1,
      onMove: (value) => {
        moves.shifts[i] = value;
        onMove();
      },
    }),
  );
  if (interpolate !== undefined) {
    const onWay = (value: number): void => {
      moves.way = value;
      onMove();
    };
    elements.push(slider({ text: 'To other samples', min: 0, max: 1, step: 0.01, onMove: onWay }));
  }
  if (controls) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Draw other samples';
    button.addEventListener('click', onNext);
    elements.push(button);
  }
  return { moves, elements };
}
