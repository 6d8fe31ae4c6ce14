import { expect, it } from 'vitest';
import { launchOf, threadsOf } from '../../src/parallel/launcher.js';

it('knows the launchers by what they set', () => {
  expect(launchOf({ PMI_RANK: '3', PMI_SIZE: '4', MPI_LOCALNRANKS: '2', MPI_LOCALRANKID: '1' })).toEqual({
    family: 'mpich',
    rank: 3,
    size: 4,
    onMachine: { rank: 1, size: 2 },
  });
  expect(launchOf({ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '2', PMIX_RANK: '0' })).toEqual({
    family: 'openmpi',
    rank: 0,
    size: 2,
  });
  expect(launchOf({ PMIX_RANK: '1', SLURM_NTASKS: '8' })).toEqual({ family: 'openmpi', rank: 1, size: 8 });
});

it('a process alone is none of a group', () => {
  expect(launchOf({})).toBeUndefined();
  expect(launchOf({ PMI_RANK: '0', PMI_SIZE: '1' })).toBeUndefined();
  expect(launchOf({ PMI_RANK: '0' })).toBeUndefined();
  expect(launchOf({ PMI_RANK: 'x', PMI_SIZE: '2' })).toBeUndefined();
  expect(launchOf({ PMI_RANK: '2', PMI_SIZE: '2' })).toBeUndefined();
});

it('processes of one machine share its cores, unless each was bound to some', () => {
  const launch = { family: 'mpich', rank: 0, size: 8, onMachine: { rank: 0, size: 4 } } as const;
  expect(threadsOf(launch, 16, 16)).toBe(4);
  expect(threadsOf(launch, 2, 16)).toBe(2);
  expect(threadsOf(launch, 2, 2)).toBe(1);
});
