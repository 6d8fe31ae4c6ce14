/** An engine on networks that are widened for the processor's caches; who uses it sees the state as it was asked for. */

import { buildStepGraph, resizedState, widened } from '../export/index.js';
import type { Engine } from './engine.js';
import type { EngineFactory, EngineRequest } from './trainer.js';

/** Makes an engine for the networks of `request`, by way of `create`. */
export async function createWidened(request: EngineRequest, create: EngineFactory): Promise<Engine> {
  const { gan, optimizer } = request.options;
  const wide = widened(gan);
  if (wide === gan) return create(request);
  const options = { ...request.options, gan: wide };
  const engine = await create({
    ...request,
    options,
    graphs: request.graphs.map(({ name }) => buildStepGraph(name, options)),
    state: resizedState(wide, optimizer.kind, request.state),
  });
  return {
    run: (name, inputs, wants) => engine.run(name, inputs, wants),
    ...(engine.runMany === undefined ? {} : { runMany: (steps) => engine.runMany!(steps) }),
    readState: async () => resizedState(gan, optimizer.kind, await engine.readState()),
    close: () => engine.close(),
  };
}
