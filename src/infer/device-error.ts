/** The error for a device that cannot be used, and its reason out of what native code says. */

/** A device that is not there, is out of memory, or was lost. Its message is one line. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';

  /**
   * @param problem what was found, in words that follow the device's name
   * @param remedy what to do
   */
  constructor(
    readonly device: string,
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(`device ${device} ${problem}: ${remedy}`);
  }
}

/** What is known of a failure: an error's message, and what native code wrote on stderr. */
export interface Failure {
  message: string;
  log?: string;
}

/** How native code says why, from the most to the least telling; the first group is the reason. */
const REASONS: readonly RegExp[] = [
  // A library of a provider, or one that it needs in turn, as the system's loader says it.
  /Failed to load library .* with error: (?:.*[\\/])?(.+)/,
  /WebGPU device error\(\d+\): (.+)/,
  // "<file>:<line> <function> <condition> was false. <reason>"
  /was (?:true|false)\. (.+)/,
  // "<file>:<line> <function> [ONNXRuntimeError] : <code> : <name> : <reason>"
  /\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (.+)/,
  /ERROR_MESSAGE: (.+)/,
];

/** The reason for a failure: one line, without places in native source. */
export function reasonOf({ message, log = '' }: Failure): string {
  for (const pattern of REASONS) {
    const found = pattern.exec(log) ?? pattern.exec(message);
    if (found !== null) return found[1]!.trim().slice(0, 200);
  }
  return message.split('\n', 1)[0]!.slice(0, 200);
}

const OUT_OF_MEMORY = /out.of.(?:device.|host.)?memory|bad.alloc|failed to allocate|max buffer size/i;

/** Whether memory was short. */
export function outOfMemory({ message, log = '' }: Failure): boolean {
  return OUT_OF_MEMORY.test(message) || OUT_OF_MEMORY.test(log);
}

/** What a user can do when a device fails. */
export interface Remedies {
  /** What it takes. */
  needs: string;
  /** What to do when its memory is full. */
  whenFull: string;
  /** What to do when it stops in the middle. */
  whenLost: string;
}

/** The error for a failure of a device while it loaded a model, or while it ran one. */
export function failureOf(
  device: string,
  { needs, whenFull, whenLost }: Remedies,
  failure: Failure,
  when: 'loading' | 'running',
): DeviceError {
  const reason = reasonOf(failure);
  if (outOfMemory(failure)) return new DeviceError(device, `ran out of memory (${reason})`, whenFull);
  if (when === 'loading') return new DeviceError(device, `cannot be used (${reason})`, needs);
  return new DeviceError(device, `failed while sampling (${reason})`, whenLost);
}
