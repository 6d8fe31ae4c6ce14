/** Hands a file to the browser's downloads. */

import type { NamedFile } from '../protocol.js';

/** The browser reads the address after the click has returned; a minute is long enough. */
const KEPT_MS = 60_000;

export function saveFile({ name, bytes }: NamedFile): void {
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
