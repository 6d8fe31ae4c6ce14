/**
 * `<gan-sampler src="generator.onnx" count="25" seed="1" device="auto">`: a custom element that draws what a generator
 * makes. It needs no framework, and says what goes wrong in the place where the picture would be.
 *
 * Attributes: `src`, `count`, `seed`, `start`, `columns`, `device`, `threads`, `label`, `timeout` (seconds
 * that a run of the model may take); `sliders="n"` for the first n
 * latent components, `interpolate="spherical"` (or `linear`) for a slider to the next seed's samples, `controls` for a
 * button; `input`, `output`, `range`, `layout` and `shape` for generators of other tools.
 * Events, not bubbling: `progress` with detail { phase: 'load' | 'draw', done, total }, `load` when the generator is
 * there, `draw` when a picture is, `error` with detail { error }.
 * Properties: `generator`, the loaded one; `whenDrawn()`, a promise.
 */

import { type Generator as AnyGenerator, Generator, InvalidModelError } from '../infer/web.js';
import { DRAW_ATTRIBUTES, drawSettings, MAX_SEED, SOURCE_ATTRIBUTES, sourceSettings } from './attributes.js';
import { type Controls, createControls } from './controls.js';
import { drawSamples } from './draw.js';
import { STYLE } from './style.js';

const SOURCE_NAMES: readonly string[] = SOURCE_ATTRIBUTES;
/** Attributes that change which controls there are. */
const CONTROL_NAMES: readonly string[] = ['sliders', 'interpolate', 'controls'];

/** The element's parts, inside its shadow. */
interface Parts {
  canvas: HTMLCanvasElement;
  controls: HTMLElement;
  status: HTMLElement;
  error: HTMLElement;
}

function part<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  name: string,
  role = '',
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.setAttribute('part', name);
  if (role !== '') element.setAttribute('role', role);
  return element;
}

function build(root: ShadowRoot): Parts {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  const parts: Parts = {
    canvas: part('canvas', 'canvas', 'img'),
    controls: part('div', 'controls'),
    status: part('p', 'status', 'status'),
    error: part('p', 'error', 'alert'),
  };
  parts.canvas.hidden = true;
  root.append(parts.canvas, parts.controls, parts.status, parts.error);
  return parts;
}

/** The end of an address, for messages. */
function fileName(src: string): string {
  return src.split(/[?#]/, 1)[0]!.split('/').pop() || src;
}

function inWords(src: string, error: unknown): string {
  if (error instanceof InvalidModelError)
    return `${fileName(src)} is no generator that can be drawn: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

export class GanSampler extends HTMLElement {
  static readonly observedAttributes = [...SOURCE_ATTRIBUTES, ...DRAW_ATTRIBUTES];

  private readonly parts = build(this.attachShadow({ mode: 'open' }));
  private controls: Controls | undefined;
  private loaded: AnyGenerator | undefined;
  /** Ends the loading that is under way. */
  private loading: AbortController | undefined;
  /** Ends the drawing that is under way. */
  private drawing: AbortController | undefined;
  /** Drawings follow each other: a session runs one thing at a time. */
  private drawn: Promise<void> = Promise.resolve();
  private scheduled: 'load' | 'draw' | undefined;
  /** Loadings and drawings that have not ended. */
  private busy = 0;

  /** The generator, once it is loaded. */
  get generator(): AnyGenerator | undefined {
    return this.loaded;
  }

  /** Resolves once all that was asked for so far is drawn, or has failed. */
  async whenDrawn(): Promise<void> {
    while (this.scheduled !== undefined || this.busy > 0) await new Promise((done) => setTimeout(done));
  }

  connectedCallback(): void {
    this.schedule('load');
  }

  disconnectedCallback(): void {
    this.loading?.abort();
    this.drawing?.abort();
    this.letGo();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now || !this.isConnected) return;
    if (CONTROL_NAMES.includes(name)) this.controls = undefined;
    this.schedule(SOURCE_NAMES.includes(name) ? 'load' : 'draw');
  }

  /** Several changes of one task are one. */
  private schedule(what: 'load' | 'draw'): void {
    const first = this.scheduled === undefined;
    if (this.scheduled !== 'load') this.scheduled = what;
    if (!first) return;
    queueMicrotask(() => {
      const work = this.scheduled;
      this.scheduled = undefined;
      if (!this.isConnected) return;
      this.busy++;
      const working = work === 'load' || this.loaded === undefined ? this.load() : this.draw();
      void working.finally(() => this.busy--);
    });
  }

  private letGo(): void {
    // At once: a run that is under way fails, and nobody waits for it any more.
    void this.loaded?.release();
    this.loaded = undefined;
  }

  private tell(type: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  private progress(phase: 'load' | 'draw', done: number, total: number | undefined): void {
    const of = total === undefined ? '' : ` ${Math.floor((100 * done) / total)} %`;
    if (phase === 'load') this.parts.status.textContent = `Loading the generator${of}`;
    else if (done < total!) this.parts.status.textContent = `Drawing${of}`;
    this.tell('progress', { phase, done, total });
  }

  private fail(error: unknown): void {
    this.parts.status.textContent = '';
    this.parts.error.textContent = inWords(this.getAttribute('src') ?? '', error);
    this.tell('error', { error });
  }

  private async load(): Promise<void> {
    this.loading?.abort();
    this.drawing?.abort();
    const loading = new AbortController();
    const { signal } = loading;
    this.loading = loading;
    this.letGo();
    this.controls = undefined;
    this.parts.error.textContent = '';
    try {
      const { src, options } = sourceSettings(this);
      this.progress('load', 0, undefined);
      const onProgress = (done: number, total?: number): void => this.progress('load', done, total);
      const generator = await Generator.load(src, { ...options, signal, onProgress });
      if (signal.aborted) {
        await generator.release();
        return;
      }
      this.loaded = generator;
      this.tell('load', { description: generator.description, placement: generator.placement });
    } catch (error) {
      if (signal.aborted) return;
      this.parts.canvas.hidden = true;
      this.parts.controls.replaceChildren();
      this.fail(error);
      return;
    }
    await this.draw();
  }

  private async draw(): Promise<void> {
    this.drawing?.abort();
    const drawing = new AbortController();
    this.drawing = drawing;
    const before = this.drawn;
    this.drawn = before.then(() => this.drawNow(drawing.signal));
    await this.drawn;
  }

  private async drawNow(signal: AbortSignal): Promise<void> {
    const generator = this.loaded;
    if (signal.aborted || generator === undefined) return;
    const { canvas, status, error, controls } = this.parts;
    try {
      const settings = drawSettings(this);
      const { count, seed, start, label } = settings;
      if (this.controls === undefined) {
        this.controls = createControls(settings, generator.description.latentSize, {
          onMove: () => this.schedule('draw'),
          onNext: () => this.setAttribute('seed', String((drawSettings(this).seed + 1) % (MAX_SEED + 1))),
        });
        controls.replaceChildren(...this.controls.elements);
      }
      await drawSamples(generator, canvas, {
        settings,
        moves: this.controls.moves,
        signal,
        onProgress: (done, total) => this.progress('draw', done, total),
      });
      const images = count === 1 ? `sample ${start}` : `samples ${start} to ${start + count - 1}`;
      canvas.setAttribute('aria-label', label ?? `Images drawn by a generator: ${images} of seed ${seed}`);
      canvas.hidden = false;
      status.textContent = '';
      error.textContent = '';
      this.tell('draw', { count, seed, start });
    } catch (problem) {
      if (!signal.aborted) this.fail(problem);
    }
  }
}
