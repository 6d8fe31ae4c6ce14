/** The programs of a conformance run: gan-onnx itself, and Python with the packages that judge its files. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const MAIN = here('../../dist/cli/main.js');
const CHECK = here('check_onnx.py');
const TRAIN = here('train_artifacts.py');

/** Names the interpreter and the versions of distributions, or fails because one cannot be imported. */
const VERSIONS = `
import importlib, importlib.metadata, platform, sys
modules, distributions = (argument.split(",") for argument in sys.argv[1:])
for module in modules:
    importlib.import_module(module)
print(", ".join([f"Python {platform.python_version()}"] + [f"{d} {importlib.metadata.version(d)}" for d in distributions]))
`;

function run(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** @returns what the program printed; throws with the last line of its complaint */
function output(program, args) {
  const { status, stdout, stderr } = run(program, args);
  if (status !== 0) throw new Error(stderr.trim().split('\n').at(-1) || `${program} ended with ${status}`);
  return stdout;
}

/**
 * @param modules what must be importable
 * @param distributions packages to name; they may be called differently from their modules
 * @returns one line with versions, or undefined when something is missing
 */
export function pythonVersions(python, modules, distributions) {
  try {
    return output(python, ['-W', 'ignore', '-c', VERSIONS, modules.join(), distributions.join()]).trim();
  } catch {
    return undefined;
  }
}

/** Runs the command `gan-onnx`. */
export function ganOnnx(...args) {
  return output(process.execPath, [MAIN, ...args]);
}

/** Has onnx's checker and Python's onnxruntime judge files, and reports their verdicts. */
export function checkOnnx(report, python, ...args) {
  const { status, stdout, stderr } = run(python, [CHECK, ...args]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  report.sayAll(lines);
  const explained = lines.some((line) => line.startsWith('FAILED'));
  if (status !== 0 && !explained) throw new Error(stderr.trim().split('\n').at(-1));
}

/** Trains the artifacts in a folder by ONNX Runtime's training API of Python; returns the losses that it prints. */
export function trainArtifacts(python, ...args) {
  return JSON.parse(output(python, [TRAIN, ...args]));
}
