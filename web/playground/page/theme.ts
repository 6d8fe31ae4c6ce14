/** The colours of the style sheet, for charts, in the visitor's scheme; they change when the scheme does. */

import { useEffect, useState } from 'preact/hooks';

/** Custom properties of the style sheet that charts use. */
const NAMES = ['ink', 'muted', 'rule', 'paper', 'data', 'g', 'd', 'is-data', 'is-made', 'unsure'] as const;

export type Theme = Readonly<Record<(typeof NAMES)[number], string>>;

function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const read = NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]);
  return Object.fromEntries(read);
}

export function useTheme(): Theme {
  const [theme, setTheme] = useState(readTheme);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const change = () => setTheme(readTheme());
    dark.addEventListener('change', change);
    return () => dark.removeEventListener('change', change);
  }, []);
  return theme;
}

/** Three channels of `#rrggbb`. */
function channels(colour: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}

/** A function from [0, 1] to colours that goes evenly from `from` over `middle` at 1/2 to `to`, all `#rrggbb`. */
export function ramp(from: string, middle: string, to: string): (value: number) => string {
  const stops = [from, middle, to].map(channels);
  return (value) => {
    const place = 2 * Math.min(1, Math.max(0, value));
    const [low, high] = place < 1 ? [stops[0]!, stops[1]!] : [stops[1]!, stops[2]!];
    const way = place < 1 ? place : place - 1;
    return `rgb(${low.map((channel, i) => Math.round(channel + way * (high[i]! - channel))).join(' ')})`;
  };
}
