/** Files to take home, and files to bring along. */

import { useId, useState } from 'preact/hooks';
import type { Requests } from '../protocol.js';
import { Button } from './button.js';
import { FILES } from './explanations.js';
import { Prose } from './prose.js';

type What = Parameters<Requests['take']>[0];

export interface TakeHomeProps {
  busy: boolean;
  /** Whether G makes images: a static page shows nothing else. */
  images: boolean;
  onTake: (what: What) => Promise<void>;
  onBring: (files: readonly File[]) => void;
}

const BUTTONS: readonly { what: What; label: string; explanation: string }[] = [
  { what: 'generator', label: 'generator.onnx', explanation: FILES.generator },
  { what: 'checkpoint', label: 'checkpoint', explanation: FILES.checkpoint },
  { what: 'page', label: 'static page', explanation: FILES.page },
];

export function TakeHome({ busy, images, onTake, onBring }: TakeHomeProps) {
  const id = useId();
  const [taking, setTaking] = useState<What>();
  const take = async (what: What): Promise<void> => {
    setTaking(what);
    await onTake(what);
    setTaking(undefined);
  };
  return (
    <section class="home" aria-labelledby="home-title">
      <h2 id="home-title">Take it home, bring it along</h2>
      <ul>
        {BUTTONS.map(({ what, label, explanation }) => (
          <li key={what}>
            <Button
              off={busy || taking !== undefined || (what === 'page' && !images)}
              describedBy={`${id}-${what}`}
              onClick={() => void take(what)}
            >
              {taking === what ? 'Packing …' : `Save ${label}`}
            </Button>
            <p class="hint" id={`${id}-${what}`}>
              <Prose text={what === 'page' && !images ? FILES.noPage : explanation} />
            </p>
          </li>
        ))}
        <li>
          <label for={`${id}-bring`}>Open a checkpoint or a generator.onnx</label>
          <input
            id={`${id}-bring`}
            type="file"
            multiple
            disabled={busy}
            aria-describedby={`${id}-bring-hint`}
            onChange={(event) => {
              const { currentTarget } = event;
              const files = [...(currentTarget.files ?? [])];
              // So that the same file can be chosen again.
              currentTarget.value = '';
              if (files.length > 0) onBring(files);
            }}
          />
          <p class="hint" id={`${id}-bring-hint`}>
            <Prose text="A zip from here, or all files of one folder of a run’s `checkpoints/`, goes on from its step; a generator alone opens in the explorer." />
          </p>
        </li>
      </ul>
    </section>
  );
}
