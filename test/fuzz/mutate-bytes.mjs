/**
 * Mutations of a file as bytes, which know nothing of its format but where its tensors' data lie: most changes go
 * elsewhere, for a wrong weight is no damage that anyone could see.
 */

const BYTES = [0, 1, 0x7f, 0x80, 0xff];
const WORDS = [0, 1, 4, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff];
const VARINTS = [
  0n,
  1n,
  127n,
  128n,
  1n << 31n,
  (1n << 32n) - 1n,
  1n << 35n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];

/** A position in the file: outside of tensors' data, but for one in ten. */
function position(random, { bytes, structure }) {
  if (structure.length === 0 || random.chance(0.1)) return random.below(bytes.length);
  const [start, end] = random.pick(structure);
  return random.between(start, Math.max(start, end - 1));
}

function concat(...parts) {
  return Uint8Array.from(Buffer.concat(parts));
}

function varint(value) {
  const bytes = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.of(...bytes, Number(rest));
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** Each takes the random choices, a file and another one, and gives new bytes. */
export const BYTE_MUTATIONS = {
  flipBits(random, file) {
    const bytes = file.bytes.slice();
    for (let i = random.length(8); i > 0; i--) bytes[position(random, file)] ^= 1 << random.below(8);
    return bytes;
  },
  setBytes(random, file) {
    const bytes = file.bytes.slice();
    for (let i = random.length(8); i > 0; i--) bytes[position(random, file)] = random.pick(BYTES);
    return bytes;
  },
  truncate(random, file) {
    return file.bytes.slice(0, position(random, file));
  },
  removeChunk(random, file) {
    const at = position(random, file);
    return concat(file.bytes.subarray(0, at), file.bytes.subarray(at + random.length(1024)));
  },
  duplicateChunk(random, file) {
    const at = position(random, file);
    const end = at + random.length(1024);
    return concat(file.bytes.subarray(0, end), file.bytes.subarray(at));
  },
  insertChunk(random, file) {
    const at = position(random, file);
    const chunk = random.bytes(random.length(256));
    if (random.chance(0.5)) chunk.fill(random.pick(BYTES));
    return concat(file.bytes.subarray(0, at), chunk, file.bytes.subarray(at));
  },
  /** 32-bit numbers, such as a flatbuffer's lengths and offsets. */
  editWord(random, file) {
    const bytes = file.bytes.slice();
    const view = new DataView(bytes.buffer);
    for (let i = random.length(4); i > 0; i--) {
      let at = Math.min(position(random, file), bytes.length - 4);
      if (random.chance(0.8)) at -= at % 4;
      const old = view.getUint32(at, true);
      const value = random.chance(0.5) ? random.pick(WORDS) : old + random.between(-64, 64);
      view.setUint32(at, value, true);
    }
    return bytes;
  },
  /** Numbers of variable length, such as protobuf's tags and lengths. */
  editVarint(random, file) {
    const at = position(random, file);
    let end = at;
    while (end < file.bytes.length && file.bytes[end] >= 128 && end < at + 9) end++;
    const near = BigInt((file.bytes[at] + random.between(-4, 4)) & 127);
    const value = random.chance(0.5) ? random.pick(VARINTS) : near;
    return concat(file.bytes.subarray(0, at), varint(value), file.bytes.subarray(end + 1));
  },
  splice(random, file, other) {
    return concat(
      file.bytes.subarray(0, position(random, file)),
      other.bytes.subarray(position(random, other)),
    );
  },
};
