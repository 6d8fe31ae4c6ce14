/** Flags that say of a generator what its file does not, for those that other tools exported. */

import { Option } from 'commander';
import { type GeneratorOptions, type Layout, parseNumbers } from '../infer/index.js';
import { UserError } from '../system/user-error.js';
import { choiceOption } from './config-flags.js';

export interface GeneratorFlags {
  input?: string;
  output?: string;
  range?: readonly [number, number];
  layout?: Layout;
  shape?: readonly [number, number, number];
}

/** Numbers that commas separate. */
function numbers(flag: string, count: number, expected: string): (text: string) => readonly number[] {
  return (text) => {
    const values = parseNumbers(text, count);
    if (values !== undefined) return values;
    throw new UserError(`${flag} ${text}: expected ${expected}`);
  };
}

export function generatorOptions(): Option[] {
  const range = numbers('--range', 2, 'the values of black and of white, such as 0,1');
  const shape = numbers('--shape', 3, 'channels, height and width, such as 1,28,28');
  return [
    new Option('--input <name>', 'name of the latent input, where the model has several'),
    new Option('--output <name>', 'name of the image output, where the model has several'),
    new Option(
      '--range <black,white>',
      'values of its pixels (default: what the file says, or -1,1)',
    ).argParser(range),
    choiceOption('--layout <order>', 'order of its axes (default: the one that fits)', {
      NCHW: true,
      NHWC: true,
    }),
    new Option('--shape <c,h,w>', 'size of its images, where it puts out rows of pixels').argParser(shape),
  ];
}

/** The flags as options of `Generator.load`. */
export function generatorSettings({ input, output, range, layout, shape }: GeneratorFlags): GeneratorOptions {
  return {
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(range === undefined ? {} : { range }),
    ...(layout === undefined ? {} : { layout }),
    ...(shape === undefined ? {} : { shape }),
  };
}
