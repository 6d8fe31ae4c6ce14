/** Form fields with their name, their sentence and what is wrong with them. */

import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Option } from './choices.js';

interface Described {
  label: string;
  explanation?: string | undefined;
  problem?: string | undefined;
}

interface FieldProps extends Described {
  children: (ids: { id: string; 'aria-describedby': string; 'aria-invalid': boolean }) => ComponentChildren;
}

function Field({ label, explanation, problem, children }: FieldProps) {
  const id = useId();
  const [hint, wrong] = [`${id}-hint`, `${id}-wrong`];
  const invalid = problem !== undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': invalid ? `${hint} ${wrong}` : hint, 'aria-invalid': invalid })}
      <p class="hint" id={hint}>
        {explanation}
      </p>
      {invalid ? (
        <p class="wrong" id={wrong}>
          {problem}
        </p>
      ) : null}
    </div>
  );
}

export interface ChoiceProps<T extends string> extends Described {
  value: T;
  options: readonly Option<T>[];
  /** Why an option cannot be chosen, by its value. */
  impossible?: Partial<Record<T, string>>;
  disabled?: boolean;
  onChange: (value: T) => void;
}

export function Choice<T extends string>(props: ChoiceProps<T>) {
  const { value, options, impossible = {}, disabled = false, onChange } = props;
  const reasons: Partial<Record<string, string>> = impossible;
  return (
    <Field {...props}>
      {(ids) => (
        <select
          {...ids}
          value={value}
          disabled={disabled}
          onChange={(event) => onChange(event.currentTarget.value as T)}
        >
          {options.map(([name, label]) => (
            <option key={name} value={name} disabled={reasons[name] !== undefined}>
              {reasons[name] === undefined ? label : `${label} (${reasons[name]})`}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export interface NumberFieldProps extends Described {
  value: number;
  disabled?: boolean;
  /** `any` for fractions. */
  step?: number | 'any';
  onChange: (value: number) => void;
}

export function NumberField(props: NumberFieldProps) {
  const { value, step = 1, disabled = false, onChange } = props;
  return (
    <Field {...props}>
      {(ids) => (
        <input
          {...ids}
          type="number"
          inputMode="decimal"
          step={step}
          disabled={disabled}
          value={Number.isNaN(value) ? '' : value}
          onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
        />
      )}
    </Field>
  );
}
