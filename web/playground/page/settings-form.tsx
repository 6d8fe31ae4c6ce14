/** All that decides a run, as a form; what is changed counts from the next beginning on. */

import type { DataChoice, Settings } from '../protocol.js';
import { Button } from './button.js';
import {
  CHANNELS,
  DATA_KINDS,
  DEVICES,
  defaultsFor,
  IMAGE_SIZES,
  type ImageNetwork,
  kindOf,
  LOSSES,
  NETWORKS,
  OPTIMIZERS,
  type Option,
  SCHEDULES,
} from './choices.js';
import { DataPicker } from './data-picker.js';
import { CONTROLS } from './explanations.js';
import { Choice, NumberField } from './fields.js';
import type { NumberSetting, Problems } from './problems.js';
import type { Theme } from './theme.js';

export interface SettingsFormProps {
  draft: Settings;
  /** Whether the draft differs from the run that is open. */
  changed: boolean;
  problems: Problems;
  /** Nothing can be begun right now. */
  busy: boolean;
  theme: Theme;
  onChange: (draft: Settings) => void;
  onBegin: () => void;
  onUndo: () => void;
}

const NUMBER_LABELS: Record<NumberSetting, string> = {
  units: 'Units',
  latentSize: 'Latent size',
  learningRate: 'Learning rate',
  momentum: 'Momentum',
  k: 'k',
  batchSize: 'Batch size',
  seed: 'Seed',
};

const SIZES: readonly Option<string>[] = IMAGE_SIZES.map((size) => [String(size), `${size} × ${size}`]);
const NETWORK_OPTIONS = Object.entries(NETWORKS).map(
  ([name, { label }]) => [name, label] as Option<ImageNetwork>,
);

/** The options, and what a run has that was brought along. */
function withOwn<T extends string>(options: readonly Option<T>[], own: T): readonly Option<T>[] {
  return options.some(([value]) => value === own) ? options : [...options, [own, own]];
}

/** Devices that this browser has not. */
function missingDevices({ optimizer }: Settings) {
  return {
    ...('gpu' in navigator ? {} : { webgpu: 'this browser has none' }),
    ...(optimizer === 'sgd' ? { 'training-api': 'has no SGD with momentum' } : {}),
  };
}

export function SettingsForm(props: SettingsFormProps) {
  const { draft, changed, problems, busy, theme, onChange, onBegin, onUndo } = props;
  const images = DATA_KINDS[kindOf(draft.data)].makes === 'images';
  const set = (changes: Partial<Settings>) => onChange({ ...draft, ...changes });
  const number = (name: NumberSetting, step?: number | 'any') => (
    <NumberField
      label={NUMBER_LABELS[name]}
      explanation={CONTROLS[name]}
      problem={problems[name]}
      value={draft[name]}
      {...(step === undefined ? {} : { step })}
      onChange={(value) => set({ [name]: value })}
    />
  );
  const chooseData = (data: DataChoice): void => {
    const same = kindOf(data) === kindOf(draft.data);
    onChange(same ? { ...draft, data } : defaultsFor(data, draft));
  };
  const blocked = Object.keys(problems).length > 0;
  return (
    <form
      class="settings"
      id="settings"
      aria-labelledby="settings-title"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!blocked && !busy) onBegin();
      }}
    >
      <h2 id="settings-title">The game’s settings</h2>
      <DataPicker data={draft.data} theme={theme} problem={problems.data} onChange={chooseData} />
      <fieldset>
        <legend>Networks</legend>
        {images ? (
          <Choice
            label="Networks of G and D"
            explanation={NETWORKS[draft.network as ImageNetwork]?.explanation ?? CONTROLS.network}
            problem={problems.network}
            value={draft.network as ImageNetwork}
            options={withOwn(NETWORK_OPTIONS, draft.network as ImageNetwork)}
            onChange={(network) => set({ network, ...NETWORKS[network].usual })}
          />
        ) : (
          number('units')
        )}
        {number('latentSize')}
        {images ? (
          <>
            <Choice
              label="Size of the images"
              explanation={CONTROLS.imageSize}
              value={String(draft.imageSize)}
              options={withOwn(SIZES, String(draft.imageSize))}
              disabled={draft.data.kind === 'digits'}
              onChange={(size) => set({ imageSize: Number(size) })}
            />
            <Choice
              label="Colours"
              explanation={CONTROLS.channels}
              value={draft.channels === 1 ? '1' : '3'}
              options={CHANNELS}
              disabled={draft.data.kind === 'digits'}
              onChange={(channels) => set({ channels: channels === '1' ? 1 : 3 })}
            />
          </>
        ) : null}
      </fieldset>
      <fieldset>
        <legend>The game</legend>
        <Choice
          label="Loss of G"
          explanation={CONTROLS.loss}
          value={draft.loss}
          options={LOSSES}
          onChange={(loss) => set({ loss })}
        />
        <Choice
          label="Schedule"
          explanation={CONTROLS.schedule}
          value={draft.schedule}
          options={SCHEDULES}
          onChange={(schedule) => set({ schedule, ...(schedule === 'joint' ? { k: 1 } : {}) })}
        />
        {draft.schedule === 'joint' ? null : number('k')}
        {number('batchSize')}
      </fieldset>
      <fieldset>
        <legend>Optimiser</legend>
        <Choice
          label="Optimiser"
          explanation={CONTROLS.optimizer}
          value={draft.optimizer}
          options={OPTIMIZERS}
          onChange={(optimizer) => set({ optimizer })}
        />
        {number('learningRate', 'any')}
        {number('momentum', 'any')}
      </fieldset>
      <fieldset>
        <legend>The run</legend>
        {number('seed')}
        <Choice
          label="Device"
          explanation={CONTROLS.device}
          problem={problems.device}
          value={draft.device}
          options={DEVICES}
          impossible={missingDevices(draft)}
          onChange={(device) => set({ device })}
        />
      </fieldset>
      <div class="begin" hidden={!changed}>
        <p>
          {blocked
            ? 'Something above cannot be trained yet.'
            : 'Changed; the run keeps its own until you begin anew.'}
        </p>
        <div class="row">
          <Button primary submits off={blocked || busy}>
            Begin anew with these
          </Button>
          <button type="button" onClick={onUndo}>
            Undo
          </button>
        </div>
      </div>
    </form>
  );
}
