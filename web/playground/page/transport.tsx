/** Play, pause, step and reset, and where the run stands. */

import type { PlaygroundDevice } from '../protocol.js';
import { Button } from './button.js';
import { ProgressLine } from './notices.js';
import { counted, perSecond } from './numbers.js';
import type { PlaygroundState } from './state.js';

export interface TransportProps {
  state: PlaygroundState;
  onPlay: () => void;
  onPause: () => void;
  onStep: () => void;
  onReset: () => void;
}

const DEVICE_NAMES: Record<Exclude<PlaygroundDevice, 'auto'>, string> = {
  webgpu: 'WebGPU',
  wasm: 'WebAssembly',
  'training-api': 'training API',
};

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

export function Transport({ state, onPlay, onPause, onStep, onReset }: TransportProps) {
  const { phase, info, step, stepsPerSecond, saved, progress } = state;
  const playing = phase === 'playing';
  const still = phase !== 'paused';
  const threads =
    info !== undefined && info.device !== 'webgpu'
      ? `, ${info.threads} thread${info.threads === 1 ? '' : 's'}`
      : '';
  return (
    <section class="transport" aria-labelledby="run-title">
      <h2 class="unseen" id="run-title">
        The run
      </h2>
      <div class="row buttons">
        <Button
          primary
          off={!playing && still}
          describedBy="transport-hint"
          onClick={playing ? onPause : onPlay}
        >
          {playing ? 'Pause' : 'Play'}
        </Button>
        <Button off={still} describedBy="transport-hint" onClick={onStep}>
          Step
        </Button>
        <Button off={!playing && still} describedBy="transport-hint" onClick={onReset}>
          Reset
        </Button>
      </div>
      <dl class="facts">
        <Fact name="step" value={counted(step)} />
        <Fact name="steps a second" value={playing && stepsPerSecond > 0 ? perSecond(stepsPerSecond) : '–'} />
        <Fact name="saved" value={saved === undefined ? '–' : `step ${counted(saved)}`} />
        <Fact name="runs on" value={info === undefined ? '–' : `${DEVICE_NAMES[info.device]}${threads}`} />
      </dl>
      <p class="to-settings">
        <a href="#settings">Choose other data and settings</a>
      </p>
      <ProgressLine progress={progress} />
      <p class="hint" id="transport-hint" hidden={progress !== undefined}>
        Play trains until Pause; Step is one round of the schedule, for G and D; Reset goes back to step 0
        with the same settings.
      </p>
    </section>
  );
}
