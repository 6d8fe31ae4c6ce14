/** The live view around a training: opened before it, and told how it ended. */

import type { RunOptions, RunResult } from '../../train/run-options.js';
import { type LiveView, openLiveView } from './server.js';

/** Opens the page that shows a run, and says where. */
export async function openView(
  port: number | true,
  { config, out }: Pick<RunOptions, 'config' | 'out'>,
  say: (message: string) => void,
): Promise<LiveView> {
  const view = await openLiveView(`${config.gan} on ${config.dataset}`, out, port === true ? 0 : port);
  say(`live view: ${view.url}`);
  return view;
}

/** Waits for the training, and ends the page that shows it. */
export async function endView(view: LiveView | undefined, training: Promise<RunResult>): Promise<RunResult> {
  try {
    const result = await training;
    const how = result.interrupted ? 'Interrupted' : 'Done';
    await view?.end(`${how} after ${result.steps.toLocaleString('en')} steps. ${result.report} says more.`);
    return result;
  } catch (error) {
    await view?.end(`Ended by an error. ${error instanceof Error ? error.message : String(error)}`, true);
    throw error;
  }
}
