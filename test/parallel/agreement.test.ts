import { expect, it } from 'vitest';
import { beginTogether, GroupError, meetWith, textOfRankZero } from '../../src/parallel/agreement.js';
import { UserError } from '../../src/system/user-error.js';
import { inProcessGroup } from '../support/in-process-group.js';

/** What each of several ranks came to: its value, or what it threw. */
async function outcomes<T>(
  size: number,
  work: (rank: number) => Promise<T>,
  facts: (value: T) => Record<string, string> = () => ({}),
): Promise<(T | Error)[]> {
  return Promise.all(
    inProcessGroup(size).map((group) =>
      beginTogether(group, () => work(group.rank), facts).catch((error: Error) => error),
    ),
  );
}

it('rank 0 gets ready before the others', async () => {
  const order: number[] = [];
  const results = await outcomes(3, async (rank) => {
    await new Promise((resolve) => setTimeout(resolve, rank === 0 ? 20 : 0));
    order.push(rank);
    return rank * 10;
  });
  expect(results).toEqual([0, 10, 20]);
  expect(order[0]).toBe(0);
});

it('what goes wrong on rank 0 ends all before they begin', async () => {
  const began: number[] = [];
  const problem = new UserError('no data');
  const results = await outcomes(3, async (rank) => {
    began.push(rank);
    throw problem;
  });
  expect(began).toEqual([0]);
  for (const error of results) expect(error).toBeInstanceOf(GroupError);
  expect(results.map((error) => (error as Error).message)).toEqual(['no data', 'no data', 'no data']);
  expect((results[0] as Error).cause).toBe(problem);
});

it('what goes wrong on another rank is told with its name; a fault of the program as one', async () => {
  const results = await outcomes(3, async (rank) => {
    if (rank === 2) throw new TypeError('x is not a function');
  });
  for (const error of results) {
    expect((error as Error).message).toMatch(/^rank 2 on \S+: unexpected error: x is not a function$/);
  }
});

it('names the first fact that differs, one that is missing too', async () => {
  const differ = await outcomes(
    3,
    async (rank) => rank,
    (rank) => ({ version: '1', ...(rank === 1 ? {} : { seed: String(rank) }) }),
  );
  for (const error of differ) {
    expect((error as Error).message).toMatch(
      /^rank 1 on \S+ has seed not set, and rank 0 on \S+ has 0: start all ranks with/,
    );
  }
});

it('gives the text of rank 0 to all, and meets only with the same', async () => {
  const texts = inProcessGroup(2).map((group) => textOfRankZero(group, `runs/ä-${group.rank}`));
  expect(await Promise.all(texts)).toEqual(['runs/ä-0', 'runs/ä-0']);
  await Promise.all(inProcessGroup(2).map((group) => meetWith(group, 'state', 'a')));
  const apart = inProcessGroup(2).map((group) => meetWith(group, 'state', String(group.rank)));
  for (const meeting of apart)
    await expect(meeting).rejects.toThrow(/^rank 1 on \S+ has state 1, and rank 0 /);
});
