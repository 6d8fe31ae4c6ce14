import { request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serveMade } from '../../src/system/static-server.js';

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

/** Asks the server, naming any host. */
function ask(url: string, method = 'GET', host = new URL(url).host): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: { host } }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode!, headers: response.headers, body });
    });
    asked.on('error', reject).end();
  });
}

describe('pages that are made', () => {
  const open = async () => {
    let asked = 0;
    const served = await serveMade(
      {
        '/': () => ({ type: 'text/html; charset=utf-8', body: '<p>ä' }),
        '/count': async () => ({ type: 'text/plain', body: Uint8Array.of(0x30 + asked++) }),
        '/none': () => undefined,
        '/broken': () => Promise.reject(new Error('a secret')),
      },
      { headers: { 'Content-Security-Policy': "default-src 'none'" } },
    );
    onTestFinished(() => served.close());
    return served.url;
  };

  it('are answered anew each time, with their type and the headers of all pages', async () => {
    const url = await open();
    expect(await ask(url)).toMatchObject({
      status: 200,
      body: '<p>ä',
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-length': '5',
        'content-security-policy': "default-src 'none'",
        'x-content-type-options': 'nosniff',
      },
    });
    expect((await ask(`${url}count?x`)).body).toBe('0');
    expect((await ask(`${url}count`)).body).toBe('1');
    expect(await ask(url, 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('are no others than those, by their whole names, and nothing of an error is told', async () => {
    const url = await open();
    for (const path of ['none', 'toString', '__proto__', 'count/', '/count', '%63ount']) {
      expect([path, (await ask(`${url}${path}`)).status]).toEqual([path, 404]);
    }
    const broken = await ask(`${url}broken`);
    expect(broken.status).toBe(500);
    expect(broken.body).not.toContain('secret');
    expect((await ask(url, 'POST')).status).toBe(405);
  });

  it('are refused to who names another host', async () => {
    expect((await ask(await open(), 'GET', 'evil.example')).status).toBe(403);
  });
});
