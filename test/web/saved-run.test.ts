/** Runs in the browser's storage: whole, torn, or somebody else's. */

import { describe, expect, it } from 'vitest';
import { initialState } from '../../src/export/index.js';
import { configGan } from '../../src/train/config.js';
import { encodeRunCheckpoint } from '../../src/train/run-checkpoint.js';
import { decodeSavedRun, encodeSavedRun } from '../../web/playground/worker/saved-run.js';
import { configOfSettings } from '../../web/playground/worker/settings.js';
import { POINTS } from '../support/playground-settings.js';

const config = configOfSettings(POINTS);
const state = initialState(configGan(config), 'adam', 1);
const record = { config, data: 'abc', epoch: 0, batch: 0, engine: 'session', version: '1' };
const about = { sequence: 7, device: 'auto', images: { name: 'images-1', skipped: [] } } as const;

async function saved(): Promise<Uint8Array> {
  const files = encodeRunCheckpoint({ step: 0, state, record });
  return new Uint8Array(
    await new Blob((await encodeSavedRun(about, files)) as Uint8Array<ArrayBuffer>[]).arrayBuffer(),
  );
}

describe('a saved run', () => {
  it('comes back as it was', async () => {
    const found = await decodeSavedRun(await saved());
    expect(found!.about).toEqual(about);
    expect(found!.checkpoint.record).toEqual(record);
    expect([...found!.checkpoint.state.keys()].sort()).toEqual([...state.keys()].sort());
  });

  it('is none where it is cut, longer, changed, or something else', async () => {
    const whole = await saved();
    for (const length of [0, 10, 200, 1000, whole.length - 1]) {
      expect(await decodeSavedRun(whole.subarray(0, length))).toBeUndefined();
    }
    expect(await decodeSavedRun(Uint8Array.of(...whole, 0))).toBeUndefined();
    for (const at of [3, 40, whole.length - 5]) {
      expect(await decodeSavedRun(whole.map((x, i) => (i === at ? x ^ 1 : x)))).toBeUndefined();
    }
  });
});
