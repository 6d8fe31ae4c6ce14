/** The process in which a device is tried: takes one request from its parent and answers with what it found. */

import { type ProbeRequest, probeDevice } from './device-probe.js';

process.once('message', async (request) => {
  process.send!(await probeDevice(request as ProbeRequest));
});
