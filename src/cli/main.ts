#!/usr/bin/env node
/** The gan-onnx command: wiring only. */

import { Command } from 'commander';
import { fileProblem } from '../system/files.js';
import { packageVersion } from '../system/package-version.js';
import { UserError } from '../system/user-error.js';
import { acceptUnderscores } from './arguments.js';
import { doctorCommand } from './doctor.js';
import { embedCommand } from './embed.js';
import { evaluateCommand } from './evaluate.js';
import { exportCommand } from './export.js';
import { figureCommand } from './figure.js';
import { inspectCommand } from './inspect.js';
import { interpolateCommand } from './interpolate.js';
import { playgroundCommand } from './playground.js';
import { exitCodeOf, report } from './report.js';
import { sampleCommand } from './sample.js';
import { isSpokesman, toldElsewhere } from './spokesman.js';
import { trainCommand } from './train.js';

const version = packageVersion();
const program = new Command('gan-onnx')
  .description(
    'Trains generative adversarial networks with ONNX Runtime and samples the generators they leave.',
  )
  .version(version)
  .showHelpAfterError('(gan-onnx --help lists what there is)')
  // Wrong usage is the same on all processes of a launcher.
  .configureOutput({
    writeErr: (text) => {
      if (isSpokesman()) process.stderr.write(text);
    },
  })
  .exitOverride();
for (const command of [
  trainCommand(version),
  exportCommand(version),
  sampleCommand(),
  embedCommand(),
  interpolateCommand(),
  evaluateCommand(),
  figureCommand(),
  inspectCommand(),
  playgroundCommand(),
  doctorCommand(version),
]) {
  program.addCommand(command.copyInheritedSettings(program));
  for (const part of command.commands) part.copyInheritedSettings(command);
}

/** What became of stdout or stderr, once one of them failed; said once the command has ended. */
let broken: UserError | undefined;
let ended = false;
for (const [name, stream] of Object.entries({ stdout: process.stdout, stderr: process.stderr })) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of a pipe went away (`gan-onnx ... | head`): nobody is left to tell, but the work goes on.
    if (error.code === 'EPIPE') return;
    broken ??= new UserError(`${name} ${fileProblem(error)}: send it elsewhere`);
    if (ended) process.exitCode = report(broken);
  });
}
let isUnderWay = false;
program.hook('preAction', () => {
  isUnderWay = true;
});
try {
  await program.parseAsync(acceptUnderscores(process.argv));
  if (broken !== undefined) throw broken;
} catch (error) {
  const isToldElsewhere = !isUnderWay && !isSpokesman() && exitCodeOf(error) !== 0;
  process.exitCode = report(broken ?? (isToldElsewhere ? await toldElsewhere(exitCodeOf(error)) : error));
}
ended = true;
