/** What the live view's page asks for again and again, as JSON. */

import type { ChartName } from '../../train/report/charts.js';

export interface LiveState {
  title: string;
  /** The run's folder. */
  path: string;
  /** What goes on, in a sentence. */
  status: string;
  /** Whether it goes on. */
  phase: 'starting' | 'training' | 'ended' | 'failed';
  /** Steps that are done, and all of them. */
  step: number;
  steps: number;
  /** A few figures by name. */
  figures: [string, string][];
  notes: { title: string; text: string }[];
  /** What each chart shows; only charts that are drawn. */
  charts: Partial<Record<ChartName, string>>;
  /** Another number is another drawing. */
  drawing: number;
  /** Steps that were done before the last picture was drawn. */
  picture?: number;
}
