/** Two hosts that are none: network namespaces joined by a virtual cable. Needs root's rights and iproute2. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './cli.js';
import type { LaunchOptions } from './mpirun.js';

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' });
}

function mayMakeHosts(): boolean {
  const probe = `gan-onnx-${process.pid}-probe`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return true;
  } catch {
    console.warn('no right to make network namespaces: tests of two hosts are skipped');
    return false;
  }
}

export const MAY_MAKE_HOSTS = mayMakeHosts();

/** Pairs of hosts that were made so far. */
let pairs = 0;

/** Name of the network device at both ends. */
const CABLE = 'gancable';

export interface TwoHosts {
  /** Starts MPICH's launcher with one rank on each, connected by TCP alone. */
  launch: LaunchOptions;
  /** Bytes that a host has sent, with the headers of its packets. */
  sent(host: 0 | 1): number;
  /** Pulls the cable out of the second host: neither hears of the other any more. */
  cut(): void;
}

/** Waits until a host's end of the cable carries: the kernel may tell of it a second late, and MPI uses no other. */
function untilRunning(host: string): void {
  const until = Date.now() + 10_000;
  while (!ip('-n', host, 'link', 'show', CABLE).includes('state UP')) {
    if (Date.now() > until) throw new Error(`${CABLE} of ${host} does not come up`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

/** They go away with the test. */
export function twoHosts(): TwoHosts {
  const pair = pairs++;
  const name = (host: number) => `gan-onnx-${process.pid}-${pair}-${host}`;
  const address = (host: number) => `10.213.7.${host + 1}`;
  onTestFinished(() => {
    for (const host of [0, 1]) ip('netns', 'del', name(host));
  });
  for (const host of [0, 1]) ip('netns', 'add', name(host));
  ip('link', 'add', CABLE, 'netns', name(0), 'type', 'veth', 'peer', 'name', CABLE, 'netns', name(1));
  for (const host of [0, 1]) {
    const inside = (...args: string[]) => ip('-n', name(host), ...args);
    inside('address', 'add', `${address(host)}/24`, 'dev', CABLE);
    for (const device of ['lo', CABLE]) inside('link', 'set', device, 'up');
  }
  for (const host of [0, 1]) untilRunning(name(host));
  // Called as ssh would be: flags, a host, a command.
  const shell = join(temporaryFolder(), 'shell');
  writeFileSync(
    shell,
    `#!/bin/sh
while [ "\${1#-}" != "$1" ]; do shift; done
case $1 in ${address(0)}) name=${name(0)} ;; *) name=${name(1)} ;; esac
shift
exec ip netns exec $name /bin/sh -c "$*"
`,
    { mode: 0o755 },
  );
  return {
    launch: {
      before: ['ip', 'netns', 'exec', name(0)],
      flags: [
        ...['-launcher', 'ssh', '-launcher-exec', shell, '-localhost', address(0)],
        ...['-hosts', [0, 1].map(address).join(), '-ppn', '1'],
      ],
      // It is one machine in truth: only this keeps MPI from sharing memory, and from taking both loopbacks for one network.
      env: { UCX_TLS: 'tcp,self', UCX_NET_DEVICES: CABLE, FI_PROVIDER: 'tcp', FI_TCP_IFACE: CABLE },
    },
    sent(host) {
      const counter = `/sys/class/net/${CABLE}/statistics/tx_bytes`;
      return Number(ip('netns', 'exec', name(host), 'cat', counter));
    },
    cut() {
      ip('-n', name(1), 'link', 'set', CABLE, 'down');
    },
  };
}
