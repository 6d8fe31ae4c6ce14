/** Behaves as a child of the fuzzer in whose mutants all goes wrong that can, for the test of the campaign itself. */

import { writeSync } from 'node:fs';

const [first, count] = process.argv.slice(3).map(Number);
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

const MUTANTS = [
  () => ({ outcome: 'loaded' }),
  () => process.abort(),
  () => ({ outcome: 'failed', message: 'TypeError: x is undefined' }),
  () => {
    for (;;);
  },
  () => ({ outcome: 'refused', megabytes: 5000 }),
  () => process.exit(3),
  () => ({ outcome: 'refused' }),
];

for (let number = first; number < first + count; number++) {
  say({ begins: number });
  say({ number, file: 'file', how: 'how', megabytes: 10, ...MUTANTS[number]() });
}
