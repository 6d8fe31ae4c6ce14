/**
 * Has tools that this project did not write judge its files. onnx's checker and Python's onnxruntime load every step graph
 * and a generator of every network pair, and Python's samples are compared with ours; Microsoft's own training API in
 * Python trains the artifacts, and the outcome is compared with our engines'.
 *
 *   npm run conformance [-- [--log last-run.log] [generator.onnx...]]
 *
 * PYTHON names an interpreter with numpy, onnx and onnxruntime (default: python3), PYTHON_TRAINING one with
 * onnxruntime-training 1.19.2 and torch, which its import needs; the part that needs it is not run where there is none.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkModels } from './check-models.mjs';
import { checkTraining } from './check-training.mjs';
import { pythonVersions } from './programs.mjs';
import { Report } from './report.mjs';

const { values: flags, positionals: generators } = parseArgs({
  options: { log: { type: 'string' } },
  allowPositionals: true,
});
const { PYTHON: python = 'python3', PYTHON_TRAINING: trainingPython = '' } = process.env;

function packageVersion(name) {
  const path = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return existsSync(path) ? `${name} ${JSON.parse(readFileSync(path, 'utf8')).version}` : `no ${name}`;
}

/** Date, command and versions, without a path of this machine. */
function describeRun(report, judges, trainer) {
  const interpreters = trainer === undefined ? ['PYTHON'] : ['PYTHON', 'PYTHON_TRAINING'];
  const environment = interpreters.map((name) => `${name}=<python>`);
  const npmPackages = ['onnxruntime-node', 'onnxruntime-training'].map(packageVersion);
  report.say(new Date().toISOString().slice(0, 10));
  report.say([...environment, 'npm run conformance --', ...process.argv.slice(2)].join(' '));
  report.say(`npm: Node ${process.versions.node}, ${npmPackages.join(', ')}`);
  report.say(`PYTHON: ${judges}`);
  if (trainer !== undefined) report.say(`PYTHON_TRAINING: ${trainer}`);
}

const JUDGES = ['numpy', 'onnx', 'onnxruntime'];
const judges = pythonVersions(python, JUDGES, JUDGES);
if (judges === undefined) {
  console.error(`${python} lacks numpy, onnx or onnxruntime: set PYTHON to an interpreter that has them`);
  process.exit(1);
}
const trainer =
  trainingPython === ''
    ? undefined
    : pythonVersions(
        trainingPython,
        ['onnxruntime.training.api'],
        ['numpy', 'onnxruntime-training', 'torch'],
      );
const folder = mkdtempSync(join(tmpdir(), 'gan-onnx-conformance-'));
const report = new Report(folder);
try {
  describeRun(report, judges, trainer);
  const context = { report, folder, python, ...(trainer === undefined ? {} : { trainingPython }) };
  await checkModels(context, generators);
  await checkTraining(context);
  if (trainer === undefined) {
    const why =
      trainingPython === '' ? 'is not set' : 'names no interpreter with onnxruntime-training and torch';
    report.say(`NOT RUN training in Python: PYTHON_TRAINING ${why}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (flags.log !== undefined) writeFileSync(flags.log, report.text);
process.exitCode = report.failed ? 1 : 0;
