/** The whole page: the run and its pictures beside the settings. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Settings } from '../protocol.js';
import { DATA_KINDS, defaultsFor, kindOf, OPENING } from './choices.js';
import { droppedFiles } from './collect-files.js';
import { CourseCharts } from './course-charts.js';
import { Explorer } from './explorer.js';
import { FigureOne } from './figure-one.js';
import { GivingUp } from './giving-up.js';
import { ImageLooks } from './image-looks.js';
import { Notices } from './notices.js';
import { counted } from './numbers.js';
import { Plane } from './plane.js';
import type { Playground } from './playground.js';
import { problemsOf } from './problems.js';
import { readFiles } from './read-files.js';
import { saveFile } from './save-file.js';
import { lookAt, Scrubber } from './scrubber.js';
import { SettingsForm } from './settings-form.js';
import type { Phase, PlaygroundState } from './state.js';
import { summaryOf } from './summary.js';
import { TakeHome } from './take-home.js';
import { type Theme, useTheme } from './theme.js';
import { Transport } from './transport.js';

function usePlayground(playground: Playground): PlaygroundState {
  const [state, setState] = useState(playground.state);
  useEffect(() => {
    const end = playground.subscribe(() => setState(playground.state));
    setState(playground.state);
    return end;
  }, [playground]);
  return state;
}

/** Milliseconds of training that nobody wants to lose by one click. */
const LONG = 60_000;
/** Milliseconds between two announcements while the run plays. */
const SAY_EVERY = 15_000;

/** The sentence for screen readers: new at once when the phase changes, and now and then while it plays. */
function useSummary(state: PlaygroundState): string {
  const [said, setSaid] = useState('');
  const last = useRef<{ time: number; phase: Phase }>({ time: 0, phase: 'busy' });
  useEffect(() => {
    const now = performance.now();
    const { time, phase } = last.current;
    if (state.phase === 'busy' || (phase === state.phase && now - time < SAY_EVERY)) return;
    last.current = { time: now, phase: state.phase };
    setSaid(summaryOf(state));
  }, [state]);
  return said;
}

function Pictures({ state, theme }: { state: PlaygroundState; theme: Theme }) {
  const [at, setAt] = useState<number>();
  const newest = state.looks.at(-1)?.step ?? 0;
  // A run that began anew has no such look yet.
  useEffect(() => {
    if (at !== undefined && at > newest) setAt(undefined);
  }, [newest]);
  const look = lookAt(state.looks, at);
  if (look === undefined) return <p class="wait">No picture yet.</p>;
  return (
    <>
      {look.kind === 'line' ? <FigureOne look={look} theme={theme} /> : null}
      {look.kind === 'plane' ? <Plane look={look} theme={theme} /> : null}
      {look.kind === 'images' ? <ImageLooks look={look} /> : null}
      <Scrubber looks={state.looks} at={at} onChange={setAt} />
    </>
  );
}

/** The offers above the pictures: a run of an earlier visit, or one whose worker has died. */
function Offer({ state, playground }: { state: PlaygroundState; playground: Playground }) {
  if (state.offered && state.phase === 'paused') {
    return (
      <div class="offer">
        <p>Your run of an earlier visit is here, at step {counted(state.step)}.</p>
        <div class="row">
          <button type="button" class="primary" onClick={() => void playground.play()}>
            Go on
          </button>
          <button type="button" onClick={() => void playground.start(OPENING)}>
            Start anew
          </button>
        </div>
      </div>
    );
  }
  if (state.phase !== 'dead') return null;
  return (
    <div class="offer">
      <p>No training goes on: what was saved last can be opened again.</p>
      <div class="row">
        <button type="button" class="primary" onClick={() => void playground.restart()}>
          Restart from the last save
        </button>
      </div>
    </div>
  );
}

export function App({ playground }: { playground: Playground }) {
  const state = usePlayground(playground);
  const theme = useTheme();
  const said = useSummary(state);
  const [edited, setEdited] = useState<Settings>();
  const top = useRef<HTMLDivElement>(null);
  const current = state.info?.settings ?? OPENING;
  const draft = edited ?? current;
  const problems = useMemo(() => problemsOf(draft, state.info?.settings), [draft, state.info]);
  const busy = state.phase === 'busy';
  /** What is to happen once the visitor agrees to give the run up. */
  const [asked, setAsked] = useState<() => void>();
  const instead = (what: () => void): void => {
    if (state.trainedMs < LONG || state.phase === 'dead') what();
    else setAsked(() => what);
  };

  function begin(): void {
    top.current?.scrollIntoView();
    void playground.start(draft).then((begun) => {
      if (begun) setEdited((now) => (now === draft ? undefined : now));
    });
  }

  /** Files that are dropped outside of the place for images; without this, the browser would leave the page for them. */
  async function drop(event: DragEvent): Promise<void> {
    if (event.defaultPrevented) return;
    event.preventDefault();
    const { files, more } = await droppedFiles(event.dataTransfer);
    if (files.length === 0) return;
    if (files.some(({ name }) => /\.(onnx|zip)$/i.test(name))) return bring(files);
    setEdited(defaultsFor({ kind: 'images', files }, draft));
    const count = more ? `the first ${counted(files.length)} files` : `${counted(files.length)} files`;
    playground.tell(
      'note',
      `Chosen as your own images: ${count}. “Begin anew” among the settings trains on them.`,
    );
  }
  const dropped = useRef(drop);
  dropped.current = drop;
  useEffect(() => {
    const allow = (event: DragEvent) => event.preventDefault();
    const take = (event: DragEvent) => void dropped.current(event);
    addEventListener('dragover', allow);
    addEventListener('drop', take);
    return () => {
      removeEventListener('dragover', allow);
      removeEventListener('drop', take);
    };
  }, []);

  async function bring(files: readonly File[]): Promise<void> {
    try {
      const read = await readFiles(files);
      const alone = read.length === 1 ? read[0]! : undefined;
      if (alone?.name.toLowerCase().endsWith('.onnx')) await playground.view(alone);
      else instead(() => void playground.bring(read).then((brought) => brought && setEdited(undefined)));
    } catch (error) {
      playground.tell('problem', (error as Error).message);
    }
  }

  return (
    <>
      <p class="unseen" role="status">
        {said}
      </p>
      {asked === undefined ? null : (
        <GivingUp
          step={state.step}
          onAnswer={(givesUp) => {
            setAsked(undefined);
            if (givesUp) asked();
          }}
        />
      )}
      <div class="stage" ref={top}>
        <Transport
          state={state}
          onPlay={() => void playground.play()}
          onPause={() => void playground.pause()}
          onStep={() => void playground.step()}
          onReset={() => instead(() => void playground.reset())}
        />
        <Notices state={state} onDismiss={playground.dismiss} />
        <Offer state={state} playground={playground} />
        <Pictures state={state} theme={theme} />
        <CourseCharts course={state.course} step={state.step} looks={state.looks} theme={theme} />
        {state.explorer === undefined ? null : (
          <Explorer
            key={state.explorer.source + state.explorer.latentSize}
            explorer={state.explorer}
            step={state.looks.at(-1)?.step ?? 0}
            theme={theme}
            explore={playground.explore}
            onView={(file) => void playground.view(file)}
          />
        )}
        <TakeHome
          busy={busy || state.phase === 'dead'}
          images={DATA_KINDS[kindOf(current.data)].makes === 'images'}
          onTake={async (what) => {
            const file = await playground.take(what);
            if (file !== undefined) saveFile(file);
          }}
          onBring={(files) => void bring(files)}
        />
      </div>
      <SettingsForm
        draft={draft}
        changed={edited !== undefined || state.info === undefined}
        problems={problems}
        busy={busy}
        theme={theme}
        onChange={setEdited}
        onUndo={() => setEdited(undefined)}
        onBegin={() => instead(begin)}
      />
    </>
  );
}
