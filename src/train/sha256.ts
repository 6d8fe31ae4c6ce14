/** SHA-256 as hex digits, in Node and in a page alike, and at once. */

import { sha256 as hash } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** A digest that grows piece by piece. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** The 64 hex digits; nothing can be added afterwards. */
  hex(): string;
}

export function createSha256(): Sha256 {
  const state = hash.create();
  return {
    update: (bytes) => {
      state.update(bytes);
    },
    hex: () => bytesToHex(state.digest()),
  };
}

/** The digest of bytes, or of the UTF-8 of a text. */
export function sha256Hex(data: Uint8Array | string): string {
  return bytesToHex(hash(typeof data === 'string' ? new TextEncoder().encode(data) : data));
}

/** The digest of a text in base 64, as content security policies have it. */
export function sha256Base64(text: string): string {
  return btoa(String.fromCharCode(...hash(new TextEncoder().encode(text))));
}
