/** Names that others chose, made fit for one line on a terminal. */

/** Longest name that is printed whole. */
const MAX_LENGTH = 200;

/** A name without control and bidirectional characters, and with its middle left out when it is very long. */
export function printable(name: string): string {
  const plain = name.replaceAll(
    /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
  if (plain.length <= MAX_LENGTH) return plain;
  return `${plain.slice(0, MAX_LENGTH / 2)}...${plain.slice(-MAX_LENGTH / 2)}`;
}

/** The first `most` of `names`, and how many more there are. */
export function firstOf(names: readonly string[], most: number, separator = ', '): string {
  const more = names.length - most;
  return [...names.slice(0, most), ...(more > 0 ? [`and ${more} more`] : [])].join(separator);
}
