import { describe, expect, test } from 'vitest';
import { Ladder } from '../../src/cli/ladder.js';
import { PLAIN, styleFor } from '../../src/cli/style.js';
import { digits } from './program.js';

const ladder = (): Ladder => new Ladder('client 127.0.0.2', 'server 127.0.0.1', PLAIN);

describe('a ladder', () => {
  test('has times from its first line on, arrows towards whoever received, notes beside whom they concern', () => {
    const shown = ladder();
    const lines = [
      shown.header(),
      shown.line('right', { event: 'req_received', time: 100, remoteQpn: 0x1234, privateData: digits('hello\0\0') }),
      shown.line('left', { event: 'rep_received', time: 100.0015, remoteQpn: 0xffffff, privateData: '0000' }),
      shown.line('left', { event: 'established', time: 100.002 }),
      shown.line('right', { event: 'rtu_received', time: 100.003 }),
      shown.line('left', { event: 'dreq_error', time: 112.3456789 }),
      shown.line('left', { event: 'closed', time: 112.346, cause: 'unacknowledged' }),
      shown.line('right', { event: 'closed', time: 112.346, cause: 'peer' }),
      shown.line('left', { event: 'rej_received', time: 112.346, reasonName: 'noResources' }),
    ];
    expect(`\n${lines.join('\n')}\n`).toBe(`
             client 127.0.0.2                  server 127.0.0.1
    0.000 ms │ ── REQ QPN 0x001234 "hello" ─────────────────▶ │
    1.500 ms │ ◀── REP QPN 0xffffff ───────────────────────── │
    2.000 ms │ established                                    │
    3.000 ms │ ── RTU ──────────────────────────────────────▶ │
12345.679 ms │ DREQ not answered                              │
12346.000 ms │ closed, not acknowledged                       │
12346.000 ms │                             closed by the peer │
12346.000 ms │ ◀── REJ noResources ────────────────────────── │
`);
  });

  test('leaves out what has no place in it', () => {
    for (const event of ['listening', 'timewait_exit', 'error']) {
      expect(ladder().line('left', { event, time: 0 })).toBeUndefined();
    }
  });

  test('does not run backwards', () => {
    const shown = ladder();
    shown.line('left', { event: 'established', time: 5 });
    shown.line('left', { event: 'established', time: 5.001 });
    expect(shown.line('right', { event: 'established', time: 4.9 })).toMatch(/^ +1\.000 ms /);
  });

  test('keeps its width whatever the messages carry', () => {
    const shown = ladder();
    const width = shown.header().length;
    for (let length = 0; length <= 56; length += 1) {
      const event = { event: 'req_received', time: 1, remoteQpn: 1, privateData: digits('x'.repeat(length)) };
      for (const side of ['left', 'right'] as const) expect(shown.line(side, event)).toHaveLength(width);
    }
    for (const cause of ['disconnected', 'unacknowledged', 'peer', 'rejected', 'stale', 'closed', 'new']) {
      expect(shown.line('right', { event: 'closed', time: 1, cause })).toHaveLength(width);
    }
  });

  test('keeps the names apart even when they are long', () => {
    expect(new Ladder('l'.repeat(46), 'r'.repeat(46), PLAIN).header()).toMatch(/^ {13}l{46} {2}r{46}$/);
  });

  test('is as wide with colours', () => {
    const coloured = new Ladder('a', 'b', styleFor({ isTTY: true }, {}));
    const event = { event: 'established', time: 1 };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one.
    const plain = coloured.line('left', event)?.replaceAll(/\u001b\[\d+m/g, '');
    expect(plain).toBe(new Ladder('a', 'b', PLAIN).line('left', event));
  });
});

describe('colours', () => {
  test.each([
    ['a terminal', { isTTY: true }, {}, true],
    ['a terminal, NO_COLOR empty', { isTTY: true }, { NO_COLOR: '' }, true],
    ['a terminal, NO_COLOR set', { isTTY: true }, { NO_COLOR: '1' }, false],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, false],
    ['a pipe', {}, {}, false],
    ['a file', { isTTY: false }, {}, false],
  ])('on %s', (_, stream, environment, coloured) => {
    expect(styleFor(stream, environment) !== PLAIN).toBe(coloured);
  });
});
