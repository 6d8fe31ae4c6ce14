/**
 * Reads and writes the messages of `messages.ts` in protobuf's wire format, by walking their table of fields. The
 * reader treats its bytes as hostile: every length is checked, nesting is bounded.
 */

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Field, type MessageName, type Messages, SCHEMA, type ScalarName } from './messages.js';

/** Deeper nesting than any real model has (a subgraph inside a subgraph takes five levels). */
const MAX_DEPTH = 64;

/** More messages, strings and byte fields than any real model has: in memory each takes far more than in the file. */
const MAX_PARTS = 2_000_000;

/** More numbers than any real model keeps outside raw data: in memory each takes up to ten times as much. */
const MAX_NUMBERS = 2 ** 26;

/** Bytes of a number on the wire, where that is always the same. */
const NUMBER_BYTES: Partial<Record<WireType, number>> = { [WireType.Bit32]: 4, [WireType.Bit64]: 8 };

interface ScalarCodec {
  wireType: WireType;
  write(writer: BinaryWriter, value: never): unknown;
  read(reader: BinaryReader): unknown;
}

const SCALARS: Record<ScalarName, ScalarCodec> = {
  int32: { wireType: WireType.Varint, write: (w, v: number) => w.int32(v), read: (r) => r.int32() },
  int64: { wireType: WireType.Varint, write: (w, v: number) => w.int64(v), read: (r) => Number(r.int64()) },
  float: { wireType: WireType.Bit32, write: (w, v: number) => w.float(v), read: (r) => r.float() },
  double: { wireType: WireType.Bit64, write: (w, v: number) => w.double(v), read: (r) => r.double() },
  string: {
    wireType: WireType.LengthDelimited,
    write: (w, v: string) => w.string(v),
    read: (r) => r.string(),
  },
  bytes: {
    wireType: WireType.LengthDelimited,
    write: (w, v: Uint8Array) => w.bytes(v),
    read: (r) => r.bytes(),
  },
};

function scalarCodec(type: Field[1]): ScalarCodec | undefined {
  return SCALARS[type as ScalarName];
}

type Plain = Record<string, unknown>;

function writeOne(writer: BinaryWriter, [number, type]: Field, value: unknown): void {
  const codec = scalarCodec(type);
  if (codec) {
    writer.tag(number, codec.wireType);
    codec.write(writer, value as never);
  } else {
    writer.tag(number, WireType.LengthDelimited).fork();
    writeMessage(writer, type as MessageName, value as Plain);
    writer.join();
  }
}

function writeMessage(writer: BinaryWriter, name: MessageName, message: Plain): void {
  for (const [key, field] of Object.entries(SCHEMA[name]) as [string, Field][]) {
    const value = message[key];
    if (value === undefined) continue;
    if (field[2] === undefined) writeOne(writer, field, value);
    else writeRepeated(writer, field, value as readonly unknown[]);
  }
}

function writeRepeated(writer: BinaryWriter, field: Field, values: readonly unknown[]): void {
  const codec = scalarCodec(field[1]);
  const packed = codec !== undefined && codec.wireType !== WireType.LengthDelimited;
  if (!packed) {
    for (const value of values) writeOne(writer, field, value);
  } else if (values.length > 0) {
    writer.tag(field[0], WireType.LengthDelimited).fork();
    for (const value of values) codec.write(writer, value as never);
    writer.join();
  }
}

/** Fields of each message by number, for reading. */
const BY_NUMBER = new Map(
  (Object.keys(SCHEMA) as MessageName[]).map((name) => [
    name,
    new Map(
      (Object.entries(SCHEMA[name]) as [string, Field][]).map(([key, field]) => [field[0], { key, field }]),
    ),
  ]),
);

/** A reader that counts the parts and numbers it has read. */
class Source extends BinaryReader {
  private parts = 0;
  private numbers = 0;

  constructor(private readonly file: Uint8Array) {
    super(file);
  }

  countPart(): void {
    if (++this.parts > MAX_PARTS) throw new RangeError(`more than ${MAX_PARTS} parts`);
  }

  countNumber(count = 1): void {
    this.numbers += count;
    if (this.numbers > MAX_NUMBERS) throw new RangeError(`more than ${MAX_NUMBERS} numbers outside raw data`);
  }

  /** Counts the packed numbers from here to `end`, before memory is taken for them. */
  countPacked(wireType: WireType, end: number): void {
    const width = NUMBER_BYTES[wireType];
    let count = width === undefined ? 0 : (end - this.pos) / width;
    // The last byte of a varint has no continuation bit.
    for (let i = this.pos; width === undefined && i < end; i++) if (this.file[i]! < 0x80) count++;
    this.countNumber(count);
  }
}

function readMessage(reader: Source, end: number, name: MessageName, depth: number): Plain {
  if (depth > MAX_DEPTH) throw new RangeError(`messages nest deeper than ${MAX_DEPTH} levels`);
  const fields = BY_NUMBER.get(name)!;
  const message: Plain = {};
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const known = fields.get(number);
    if (known === undefined) {
      reader.skip(wireType, number);
      continue;
    }
    const { key, field } = known;
    const values = readField(reader, end, field, wireType, `${name}.${key}`, depth);
    if (field[2] === undefined) {
      // Other readers merge such messages: what they would load is then not what was checked here.
      if (key in message && scalarCodec(field[1]) === undefined)
        throw new RangeError(`${name}.${key} occurs twice`);
      message[key] = values[values.length - 1];
    } else {
      const existing = message[key] as unknown[] | undefined;
      if (existing === undefined) message[key] = values;
      else for (const value of values) existing.push(value);
    }
  }
  if (reader.pos !== end) throw new RangeError(`${name} runs past its end`);
  return message;
}

function readField(
  reader: Source,
  end: number,
  [, type, repeated]: Field,
  wireType: WireType,
  where: string,
  depth: number,
): unknown[] {
  const codec = scalarCodec(type);
  if (wireType === WireType.LengthDelimited) reader.countPart();
  if (codec !== undefined && wireType === codec.wireType) {
    if (wireType !== WireType.LengthDelimited) reader.countNumber();
    return [codec.read(reader)];
  }
  if (wireType !== WireType.LengthDelimited || (codec !== undefined && repeated === undefined)) {
    throw new RangeError(`${where} has wire type ${wireType}`);
  }
  const length = reader.uint32();
  const fieldEnd = reader.pos + length;
  if (fieldEnd > end) throw new RangeError(`${where} runs past the end of its message`);
  if (codec === undefined) return [readMessage(reader, fieldEnd, type as MessageName, depth + 1)];
  reader.countPacked(codec.wireType, fieldEnd);
  const values: unknown[] = [];
  while (reader.pos < fieldEnd) values.push(codec.read(reader));
  if (reader.pos !== fieldEnd) throw new RangeError(`${where} runs past its end`);
  return values;
}

/** The bytes of `message` in protobuf's wire format; the same message gives the same bytes. */
export function encode<M extends MessageName>(name: M, message: Messages[M]): Uint8Array {
  const writer = new BinaryWriter();
  writeMessage(writer, name, message as Plain);
  return writer.finish();
}

/**
 * The message in `bytes`. Fields of type `bytes` are views into `bytes`, not copies.
 *
 * @throws RangeError (or the protobuf library's own error) when the bytes are not such a message
 */
export function decode<M extends MessageName>(name: M, bytes: Uint8Array): Messages[M] {
  return readMessage(new Source(bytes), bytes.length, name, 0) as Messages[M];
}
