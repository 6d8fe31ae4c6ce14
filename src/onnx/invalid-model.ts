/** How this folder says that a model cannot be used. */

/** Thrown for bytes that are not a usable ONNX model; the message says what is wrong, without the file's name. */
export class InvalidModelError extends Error {
  override readonly name = 'InvalidModelError';
}

export function refuse(message: string): never {
  throw new InvalidModelError(message);
}

/** A name out of a file, for a message: on one line, and short enough for one. */
export function shortName(name = ''): string {
  const short = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  return short.replace(/\p{C}/gu, '\u{fffd}');
}

export function quote(name?: string): string {
  return `"${shortName(name)}"`;
}

/** A shape for a message: a few dimensions are enough, however many a damaged file has. */
export function formatDims(dims: readonly (number | string | undefined)[]): string {
  const shown = dims.slice(0, 8).map((dim) => (typeof dim === 'string' ? shortName(dim) : (dim ?? '?')));
  return `[${shown.join(', ')}${dims.length > 8 ? ', …' : ''}]`;
}
