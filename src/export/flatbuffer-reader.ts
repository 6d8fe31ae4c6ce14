/**
 * Reads flatbuffers of unknown origin, for `checkpoint-file.ts`. The flatbuffers package follows every offset in a
 * file unchecked. This reader checks each first, and lets the parts it reads add up to no more than twice the file, so
 * that tables which share bytes cannot make a small file much work.
 */

/** The types of fields that hold no table, with what they read as. */
export interface Leaf {
  int32: number;
  int64: bigint;
  float32: number;
  bool: boolean;
  string: string;
  bytes: Uint8Array;
  int64s: BigInt64Array;
}

/** A table's fields by name: the slot of each, and its type, which may be a table or a list of tables. */
export interface TableSpec {
  readonly [field: string]: readonly [slot: number, type: keyof Leaf | TableSpec | readonly [TableSpec]];
}

type FieldValue<T> = T extends keyof Leaf
  ? Leaf[T]
  : T extends readonly [infer S extends TableSpec]
    ? readonly Message<S>[]
    : T extends TableSpec
      ? Message<T>
      : never;

/** The content of a table; a field may be absent. */
export type Message<S extends TableSpec> = { readonly [F in keyof S]?: FieldValue<S[F][1]> };

/** Thrown for bytes that are not a sound flatbuffer; the message says what is wrong and where. */
export class InvalidFlatbufferError extends Error {
  override readonly name = 'InvalidFlatbufferError';
}

/** More tables than this in one file are refused. */
export const MAX_TABLES = 65_536;

/** Longer strings than this are refused. */
export const MAX_STRING_BYTES = 2 ** 20;

/** Writers may share equal strings, which are then read (and counted) once for each field that has them. */
const READS_PER_BYTE = 2;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The file, with a count of what has been read of it. */
class Source {
  readonly view: DataView;
  private unread: number;
  private tables = 0;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.unread = READS_PER_BYTE * bytes.length;
  }

  /** Refuses a part that is not inside the file, or not aligned as its type asks. */
  check(what: string, at: number, size: number, alignment: number): void {
    if (at < 0 || at + size > this.bytes.length) {
      throw new InvalidFlatbufferError(`${what} at byte ${at} reaches outside the file`);
    }
    if (at % alignment !== 0) throw new InvalidFlatbufferError(`${what} at byte ${at} is misaligned`);
  }

  /** The same for a part of any size, reading which takes time. */
  claim(what: string, at: number, size: number, alignment: number): void {
    this.check(what, at, size, alignment);
    this.unread -= size;
    if (this.unread < 0) throw new InvalidFlatbufferError('its parts overlap');
  }

  countTable(): void {
    if (++this.tables > MAX_TABLES) throw new InvalidFlatbufferError(`more than ${MAX_TABLES} tables`);
  }

  /** Where the offset at `at`, which is inside the file, points to: not checked yet. */
  target(at: number): number {
    const offset = this.view.getUint32(at, true);
    if (offset === 0) throw new InvalidFlatbufferError(`an offset at byte ${at} points to itself`);
    return at + offset;
  }

  /** Where the elements of the vector lie to which the offset at `at` points. */
  vector(at: number, elementSize: number): { start: number; length: number } {
    const vector = this.target(at);
    this.check('a vector', vector, 4, 4);
    const length = this.view.getUint32(vector, true);
    // Without elements there is nothing to align.
    this.claim('a vector', vector + 4, length * elementSize, length === 0 ? 1 : elementSize);
    return { start: vector + 4, length };
  }

  bytesAt(at: number): Uint8Array {
    const { start, length } = this.vector(at, 1);
    return this.bytes.subarray(start, start + length);
  }

  stringAt(at: number): string {
    const { start, length } = this.vector(at, 1);
    if (length > MAX_STRING_BYTES) {
      throw new InvalidFlatbufferError(`a string of ${length} bytes, more than ${MAX_STRING_BYTES}`);
    }
    // A string ends with a zero byte that its length does not count.
    if (this.bytes[start + length] !== 0) {
      throw new InvalidFlatbufferError(`a string at byte ${start} does not end where it says`);
    }
    try {
      return UTF8.decode(this.bytes.subarray(start, start + length));
    } catch {
      throw new InvalidFlatbufferError(`a string at byte ${start} is not UTF-8`);
    }
  }
}

/** How many bytes a field of each type takes in its table (references: an offset), and how it is read from there. */
const LEAVES: { [T in keyof Leaf]: { size: number; read(source: Source, at: number): Leaf[T] } } = {
  int32: { size: 4, read: ({ view }, at) => view.getInt32(at, true) },
  int64: { size: 8, read: ({ view }, at) => view.getBigInt64(at, true) },
  float32: { size: 4, read: ({ view }, at) => view.getFloat32(at, true) },
  bool: { size: 1, read: ({ view }, at) => view.getUint8(at) !== 0 },
  string: { size: 4, read: (source, at) => source.stringAt(at) },
  bytes: { size: 4, read: (source, at) => source.bytesAt(at) },
  int64s: {
    size: 4,
    read(source, at) {
      const { start, length } = source.vector(at, 8);
      return new BigInt64Array(new Uint8Array(source.bytes.subarray(start, start + 8 * length)).buffer);
    },
  },
};

function readField(source: Source, at: number, type: TableSpec[string][1]): unknown {
  if (typeof type === 'string') return LEAVES[type].read(source, at);
  if (!isList(type)) return readTable(source, source.target(at), type);
  const { start, length } = source.vector(at, 4);
  return Array.from({ length }, (_, i) => readTable(source, source.target(start + 4 * i), type[0]));
}

/** Whether a field's type is a list of tables. */
export function isList(type: TableSpec | readonly [TableSpec]): type is readonly [TableSpec] {
  return Array.isArray(type);
}

function readTable(source: Source, at: number, spec: TableSpec): Record<string, unknown> {
  source.countTable();
  source.check('a table', at, 4, 4);
  const vtable = at - source.view.getInt32(at, true);
  source.check('a vtable', vtable, 4, 2);
  const vtableSize = source.view.getUint16(vtable, true);
  const tableSize = source.view.getUint16(vtable + 2, true);
  source.check('a vtable', vtable, vtableSize, 2);
  source.claim('a table', at, tableSize, 4);
  const message: Record<string, unknown> = {};
  for (const [name, [slot, type]] of Object.entries(spec)) {
    const entry = 4 + 2 * slot;
    const offset = entry + 2 > vtableSize ? 0 : source.view.getUint16(vtable + entry, true);
    if (offset === 0) continue;
    const size = typeof type === 'string' ? LEAVES[type].size : 4;
    if (offset < 4 || offset + size > tableSize) {
      throw new InvalidFlatbufferError(`field ${name} of the table at byte ${at} lies outside it`);
    }
    source.check(`field ${name}`, at + offset, size, size);
    message[name] = readField(source, at + offset, type);
  }
  return message;
}

/** Whether `bytes` are long enough to be a flatbuffer and carry this identifier of four characters. */
export function hasIdentifier(bytes: Uint8Array, identifier: string): boolean {
  return bytes.length >= 8 && String.fromCharCode(...bytes.subarray(4, 8)) === identifier;
}

/**
 * The root table of a flatbuffer of at least 4 bytes, with the fields that `spec` names. Fields of type `bytes` are
 * views into `bytes`, not copies.
 *
 * @throws InvalidFlatbufferError
 */
export function readFlatbuffer<S extends TableSpec>(bytes: Uint8Array, spec: S): Message<S> {
  const source = new Source(bytes);
  return readTable(source, source.target(0), spec) as Message<S>;
}
