import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventFields } from '../../src/cli/event-fields.js';
import { EventPrinter } from '../../src/cli/event-printer.js';
import { eventText } from '../../src/cli/event-text.js';
import { showPrivateData } from '../../src/cli/private-data.js';
import { PLAIN, styleFor } from '../../src/cli/style.js';
import { TimeOrder } from '../../src/cli/time-order.js';
import type { EndpointEvent } from '../../src/endpoint/index.js';
import { EndpointError } from '../../src/endpoint/index.js';
import { digits } from './program.js';

describe('private data is shown', () => {
  test.each([
    ['as nothing, if there is none', '', undefined],
    ['as nothing, if the field is empty', '00'.repeat(196), undefined],
    ['as text without the zeros that fill the field', `${digits('hello')}0000`, '"hello"'],
    ['as text with its quotes escaped', digits('say "hi"'), String.raw`"say \"hi\""`],
    ['as hex with leading and inner zeros', '00ff00ff0000', '0x00ff00ff'],
    ['as hex if its last digit is a zero of its own', 'fff000', '0xfff0'],
    ['as hex if its first byte is small', '0100', '0x01'],
    ['as hex if it is text beyond ASCII', 'c3bc', '0xc3bc'],
    ['as hex if it would move the cursor', digits('\u001b[2J'), '0x1b5b324a'],
    ['as hex up to 32 bytes', 'ff'.repeat(34), `0x${'ff'.repeat(32)}… (2 more bytes)`],
    ['as hex, being zeros inside text', digits('a\0b'), '0x610062'],
  ])('%s', (_, field, shown) => {
    expect(showPrivateData(Buffer.from(field, 'hex'))).toBe(shown);
  });
});

describe('the line of an event', () => {
  const time = new Date(2026, 0, 2, 3, 4, 5, 67).getTime() / 1_000;
  const line = (event: string, fields: object): string => eventText({ event, time, ...fields }, PLAIN);

  test('has the local time, the name and the fields that say something', () => {
    expect(line('rtu_received', { cid: 7, privateData: '0000' })).toBe('03:04:05.067  rtu_received   cid=7');
    expect(line('rep_received', { remoteQpn: 0x12, startingPsn: 0xabcdef, privateData: digits('hi') })).toBe(
      '03:04:05.067  rep_received   remoteQpn=0x000012  startingPsn=0xabcdef  privateData="hi"',
    );
    expect(line('error', { code: undefined, message: 'gone' })).toBe('03:04:05.067  error          gone');
    expect(line('listening', {})).toBe('03:04:05.067  listening');
  });

  test('joins addresses and ports', () => {
    expect(line('listening', { address: 'fd00::1', port: 5 })).toBe('03:04:05.067  listening      address=[fd00::1]:5');
    const ends = { localAddress: '1.2.3.4', localPort: 5, localQpn: 6, remoteAddress: '::1', remotePort: 7 };
    expect(line('established', ends)).toBe(
      '03:04:05.067  established    local=1.2.3.4:5  localQpn=0x000006  remote=[::1]:7',
    );
  });

  test('is green for success, red for failures', () => {
    const style = styleFor({ isTTY: true }, {});
    const coloured = (event: string): string => eventText({ event, time }, style);
    expect(coloured('established')).toContain('\u001b[32mestablished');
    for (const event of ['error', 'req_error', 'rej_received']) expect(coloured(event)).toContain(`\u001b[31m${event}`);
    for (const event of ['closed', 'req_received']) expect(coloured(event)).toContain(`\u001b[1m${event}`);
  });
});

describe('the fields of an event', () => {
  const event = (fields: object): EndpointEvent =>
    ({ type: 'rej_received', cause: 'message', cid: 1, listener: 0, transmissions: 1, ...fields }) as EndpointEvent;

  test('of a deadline are its cause and the attempts', () => {
    const fields = eventFields(event({ type: 'req_error', cause: 'deadline', transmissions: 3 }));
    expect(fields).toEqual({ cause: 'deadline', transmissions: 3 });
  });

  test('of the end of timewait are its cause', () => {
    expect(eventFields(event({ type: 'timewait_exit', cause: 'elapsed' }))).toEqual({ cause: 'elapsed' });
  });

  test('of a DREP say so if it ends a stale connection', () => {
    const mad = { message: 'DREP', fields: { privateData: Uint8Array.of(1) } };
    expect(eventFields(event({ type: 'drep_received', cause: 'stale', mad }))).toEqual({
      cause: 'stale',
      privateData: '01',
    });
  });

  test.each([
    [0, 'REQ'],
    [1, 'REP'],
    [2, 'other'],
    [3, 3],
  ])('of a REJ that answers message %i name it', (messageRejected, name) => {
    const fields = {
      reason: 4,
      messageRejected,
      rejectInfoLength: 2,
      additionalRejectInformation: Uint8Array.of(1, 2, 3),
      privateData: Uint8Array.of(9),
    };
    expect(eventFields(event({ mad: { message: 'REJ', fields } }))).toEqual({
      reason: 4,
      reasonName: 'timeout',
      messageRejected: name,
      additionalInformation: '0102',
      privateData: '09',
    });
  });

  test('of an MRA are the message and the time in milliseconds', () => {
    const fields = { messageMraed: 0, serviceTimeout: 20, privateData: new Uint8Array(1) };
    expect(eventFields(event({ mad: { message: 'MRA', fields } }))).toEqual({
      messageMraed: 'REQ',
      serviceTimeoutMs: 4295,
      privateData: '00',
    });
  });
});

test('errors of one connection are lines like others, whatever was thrown', () => {
  const output = new PassThrough({ encoding: 'utf8' });
  const printer = new EventPrinter(output, true, PLAIN);
  printer.printError(new EndpointError('TIMEOUT', 'no answer', {}));
  printer.printError('SIGINT');
  const lines = String(output.read()).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    { event: 'error', time: expect.any(Number), code: 'TIMEOUT', message: 'no answer' },
    { event: 'error', time: expect.any(Number), message: 'SIGINT' },
  ]);
});

test('a DREQ that comes together with the RTU is a line after that of the connection', async () => {
  const output = new PassThrough({ encoding: 'utf8' });
  const printer = new EventPrinter(output, true, PLAIN);
  const end = { address: '127.0.0.1', port: 7471, qpn: 7, startingPsn: 0, commId: 1 };
  const event = (type: EndpointEvent['type']): EndpointEvent => ({ type, cid: 1 }) as EndpointEvent;
  printer.printEvent(event('rtu_received'));
  printer.printEvent(event('dreq_received'));
  await Promise.resolve();
  printer.printEstablished({ local: end, remote: end, privateData: new Uint8Array() });
  await nextTurn();
  const names = String(output.read()).match(/(?<="event":")\w+/g);
  expect(names).toEqual(['rtu_received', 'established', 'dreq_received']);
});

describe('events of several processes', () => {
  const inOrder = (waitMs: number): { order: TimeOrder<{ time: number; name: string }>; released: string[] } => {
    const released: string[] = [];
    return { order: new TimeOrder(waitMs, ({ name }) => released.push(name)), released };
  };

  test('are put into the order of their times; of equal times the first comes first', () => {
    const { order, released } = inOrder(60_000);
    for (const [name, time] of Object.entries({ c: 3, a: 1, d: 3, b: 2 })) order.add({ name, time });
    expect(released).toEqual([]);
    order.flush();
    expect(released).toEqual(['a', 'b', 'c', 'd']);
  });

  test('are released when no earlier one can come any more', async () => {
    const now = (performance.timeOrigin + performance.now()) / 1_000;
    const names: string[] = [];
    await new Promise<void>((resolve) => {
      const order = new TimeOrder<{ time: number; name: string }>(5, ({ name }) => {
        if (names.push(name) === 2) resolve();
      });
      order.add({ name: 'second', time: now + 0.02 });
      order.add({ name: 'first', time: now });
    });
    expect(names).toEqual(['first', 'second']);
  });
});
