import { expect, test, vi } from 'vitest';
import { adapters, freshAddress, noIpv6, notLinux } from './loopback.js';

// A machine on which IPv4's identification cannot be fixed.
vi.mock('../../src/io/native-socket.js', () => ({ loadNativeSockets: () => 'no koffi' }));

const open = adapters();

test.skipIf(notLinux)('what the machine cannot do is said once, however many addresses an adapter has', async () => {
  const warnings: string[] = [];
  const onWarning = (warning: string): number => warnings.push(warning);
  await open({ address: [freshAddress(), freshAddress(), freshAddress()], onWarning });
  expect(warnings).toEqual([expect.stringMatching(/^IPv4 identification cannot be fixed here \(no koffi\)/)]);
});

test.skipIf(noIpv6)('of IPv6 there is nothing to be said', async () => {
  const warnings: string[] = [];
  const onWarning = (warning: string): number => warnings.push(warning);
  await open({ address: '::1', onWarning }).catch(() => undefined);
  expect(warnings).toEqual([]);
});

test.skipIf(notLinux)('sockets that the machine does not have are not replaced by others unasked', async () => {
  const error = await open({ sockets: 'batched' }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'SOCKET', message: 'this machine has no batched sockets: no koffi' });
});

test.skipIf(notLinux)('nor are sockets that cannot be polled all the time', async () => {
  const error = await open({ busyPoll: true }).catch((thrown: unknown) => thrown);
  const message = 'only batched sockets can be polled all the time: no koffi';
  expect(error).toMatchObject({ code: 'SOCKET', message });
});
