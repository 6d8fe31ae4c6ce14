/**
 * A campaign of the fuzzer: mutants are tried in child processes, so that one that crashes, hangs or eats memory is
 * noticed, and the rest are tried all the same.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface CampaignOptions {
  /** The script that tries mutants: its arguments are a seed, the first mutant and how many. */
  script: string;
  seed: number;
  mutants: number;
  /** Child processes at a time. */
  children: number;
  /** Mutants that a child tries in its life. */
  slice: number;
  /** What a mutant may take; the memory is that of the whole child. */
  limits: { seconds: number; megabytes: number };
}

/** A mutant that came to no good end, and how to see it again. */
export interface Failure {
  what: string;
  command: string;
}

export interface CampaignResult {
  /** How many mutants were "loaded" and "refused". */
  outcomes: Record<string, number>;
  failures: Failure[];
  /** Most memory that a child took. */
  megabytes: number;
}

/** What a child prints, one line each: before and after a mutant. */
type Line =
  | { begins: number }
  | {
      number: number;
      file: string;
      how: string;
      outcome: string;
      message?: string;
      megabytes: number;
    };

/** More failures than anyone looks at; the rest of the campaign is then left out. */
const MAX_FAILURES = 20;

/** A child has this long to come up: it loads ONNX Runtime and makes the files that it damages. */
const START_SECONDS = 60;

class Campaign {
  readonly result: CampaignResult = { outcomes: {}, failures: [], megabytes: 0 };

  constructor(private readonly options: CampaignOptions) {}

  /** Tries mutants from `first` up to `end`, in as many children as it takes. */
  async slice(first: number, end: number): Promise<void> {
    let next = first;
    while (next < end && this.result.failures.length < MAX_FAILURES) next = await this.child(next, end);
  }

  /** One child; returns the mutant with which to go on. */
  private child(first: number, end: number): Promise<number> {
    const { script, seed, limits } = this.options;
    const child = spawn(process.execPath, [script, String(seed), String(first), String(end - first)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let current = first;
    let next = first;
    let killedFor: string | undefined;
    const kill = (reason: string) => {
      killedFor ??= reason;
      child.kill('SIGKILL');
    };
    let timer = setTimeout(() => kill('it did not start'), START_SECONDS * 1000);
    const errors = collected(child);
    createInterface({ input: child.stdout }).on('line', (text) => {
      clearTimeout(timer);
      timer = setTimeout(() => kill(`no end after ${limits.seconds} s`), limits.seconds * 1000);
      const line = parsed(text);
      if (line === undefined) return;
      if ('begins' in line) current = line.begins;
      else {
        next = line.number + 1;
        if (this.note(line)) kill('memory');
      }
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        if (code === 0 || killedFor === 'memory') return resolve(next);
        this.fail(current, killedFor ?? `ended by ${signal ?? `exit code ${code}`}: ${errors()}`);
        resolve(current + 1);
      });
    });
  }

  /** Takes down how a mutant went; returns whether the child has taken too much memory to go on. */
  private note(line: Extract<Line, { number: number }>): boolean {
    const { number, outcome, message = '', megabytes, file, how } = line;
    const { result } = this;
    result.outcomes[outcome] = (result.outcomes[outcome] ?? 0) + 1;
    result.megabytes = Math.max(result.megabytes, megabytes);
    if (outcome === 'failed') this.fail(number, `${file}, ${how}: ${message}`);
    const tooMuch = megabytes > this.options.limits.megabytes;
    if (tooMuch) this.fail(number, `${file}, ${how}: ${megabytes} MB`);
    return tooMuch;
  }

  private fail(mutant: number, what: string): void {
    this.result.failures.push({
      what,
      command: `node test/fuzz/try-mutants.mjs ${this.options.seed} ${mutant}`,
    });
  }
}

/** What is wrong with the child, as it says itself: the beginning. */
function collected(child: ChildProcessByStdio<null, Readable, Readable>): () => string {
  let text = '';
  child.stderr.on('data', (chunk) => {
    if (text.length < 500) text += chunk;
  });
  return () => text.slice(0, 500);
}

/** A child that crashes may leave half a line. */
function parsed(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return undefined;
  }
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const campaign = new Campaign(options);
  let next = 0;
  const work = async () => {
    while (next < options.mutants) {
      const first = next;
      next = Math.min(first + options.slice, options.mutants);
      await campaign.slice(first, next);
    }
  };
  await Promise.all(Array.from({ length: options.children }, work));
  return campaign.result;
}
