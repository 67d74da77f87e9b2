// Writes test/wire/golden/*.golden.json: what tshark reads in every captured CM message, under our names.
// Run by hand when a capture or the mapping changes: node scripts/make-tshark-goldens.js (needs tshark; made with 4.0.17).
//
// A value is what tshark prints: 0x… numbers, decimal numbers, addresses. A byte string is hex without colons, its
// trailing zero bytes written as "+92 zeros". The last file, synthetic, holds messages of arbitrary bytes, as Linux never
// sends them, so that tshark vouches for the fields that Linux leaves zero; it carries the MADs themselves.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CAPTURES = fileURLToPath(new URL('../test/wire/capture/files/linux/', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../test/wire/golden/', import.meta.url));
const LINE_WIDTH = 120;

const PACKET = {
  'bth.opcode': 'opcode',
  'bth.se': 'solicitedEvent',
  'bth.m': 'migration',
  'bth.padcnt': 'padCount',
  'bth.tver': 'headerVersion',
  'bth.p_key': 'pKey',
  'bth.destqp': 'destinationQpn',
  'bth.a': 'ackRequest',
  'bth.psn': 'psn',
  'deth.q_key': 'qKey',
  'deth.srcqp': 'sourceQpn',
};

const HEADER = {
  'mad.status': 'status',
  'mad.classspecific': 'classSpecific',
  'mad.transactionid': 'transactionId',
  'mad.attributemodifier': 'attributeModifier',
};

const path = (prefix, ours) => ({
  [`${prefix}_locallid`]: `${ours}.localLid`,
  [`${prefix}_remotelid`]: `${ours}.remoteLid`,
  [`${prefix}_localgid`]: `${ours}.localGid`,
  [`${prefix}_remotegid`]: `${ours}.remoteGid`,
  [`${prefix}_localgid_ipv4`]: `${ours}.localGid`,
  [`${prefix}_remotegid_ipv4`]: `${ours}.remoteGid`,
  [`${prefix}_tfcclass`]: `${ours}.trafficClass`,
  [`${prefix}_hoplim`]: `${ours}.hopLimit`,
  [`${prefix}_sl`]: `${ours}.sl`,
  [`${prefix}_subnetlocal`]: `${ours}.subnetLocal`,
  [`${prefix}_localacktout`]: `${ours}.localAckTimeout`,
});

/**
 * tshark's names (after `infiniband.`) and ours, by attribute ID. Left out on purpose:
 * - the flow label and the packet rate of a REQ's paths: tshark 4.0.17 reads 24 and 8 bits where both need 32, so that
 *   bytes a7 ec 60 00 (flow label 0xa7ec6, rate 0) become 0x00a7e and 0x27. It does so in both paths.
 * - MRA, LAP, APR, SIDR_REQ and SIDR_REP: tshark 4.0.17 does not dissect their bodies, so only the headers are here.
 * - ECE's vendor IDs, which it does not know, and its names for reserved bits.
 * All of these are tested with the naive decoder.
 */
const MESSAGES = {
  '0x0010': [
    'REQ',
    {
      'cm.req': 'localCommId',
      'cm.req.serviceid': 'serviceId',
      'cm.req.localcaguid': 'localCaGuid',
      'cm.req.localqkey': 'localQKey',
      'cm.req.localqpn': 'localQpn',
      'cm.req.responderres': 'responderResources',
      'cm.req.localeecn': 'localEecn',
      'cm.req.initdepth': 'initiatorDepth',
      'cm.req.remoteeecn': 'remoteEecn',
      'cm.req.remoteresptout': 'remoteCmResponseTimeout',
      'cm.req.transpsvctype': 'transportServiceType',
      'cm.req.e2eflowctrl': 'endToEndFlowControl',
      'cm.req.startpsn': 'startingPsn',
      'cm.req.localresptout': 'localCmResponseTimeout',
      'cm.req.retrcount': 'retryCount',
      'cm.req.pkey': 'pKey',
      'cm.req.pppmtu': 'pathPacketPayloadMtu',
      'cm.req.rdcexist': 'rdcExists',
      'cm.req.rnrretrcount': 'rnrRetryCount',
      'cm.req.maxcmretr': 'maxCmRetries',
      'cm.req.srq': 'srq',
      'cm.req.ext_transport': 'extendedTransportType',
      ...path('cm.req.prim', 'primaryPath'),
      ...path('cm.req.alt', 'alternatePath'),
      'cm.req.private': 'privateData',
      'cm.req.ip_cm': 'privateData',
      'cm.req.ip_cm.ipv': 'ipCm.ipVersion',
      'cm.req.ip_cm.sport': 'ipCm.sourcePort',
      'cm.req.ip_cm.sip4': 'ipCm.source',
      'cm.req.ip_cm.sip6': 'ipCm.source',
      'cm.req.ip_cm.dip4': 'ipCm.destination',
      'cm.req.ip_cm.dip6': 'ipCm.destination',
    },
  ],
  '0x0011': ['MRA', {}],
  '0x0012': [
    'REJ',
    {
      'cm.rej.localcommid': 'localCommId',
      'cm.rej.remotecommid': 'remoteCommId',
      'cm.rej.msgrej': 'messageRejected',
      'cm.rej.rejinfolen': 'rejectInfoLength',
      'cm.rej.reason': 'reason',
      'cm.rej.ari': 'additionalRejectInformation',
      'cm.rej.private': 'privateData',
    },
  ],
  '0x0013': [
    'REP',
    {
      'cm.rep': 'localCommId',
      'cm.rep.remotecommid': 'remoteCommId',
      'cm.rep.localqkey': 'localQKey',
      'cm.rep.localqpn': 'localQpn',
      'cm.rep.localeecn': 'localEecn',
      'cm.rep.startpsn': 'startingPsn',
      'cm.rep.respres': 'responderResources',
      'cm.rep.initdepth': 'initiatorDepth',
      'cm.rep.tgtackdelay': 'targetAckDelay',
      'cm.rep.failoveracc': 'failoverAccepted',
      'cm.rep.e2eflowctrl': 'endToEndFlowControl',
      'cm.rep.rnrretrcount': 'rnrRetryCount',
      'cm.rep.srq': 'srq',
      'cm.rep.localcaguid': 'localCaGuid',
      'cm.rep.private': 'privateData',
    },
  ],
  '0x0014': [
    'RTU',
    {
      'cm.rtu.localcommid': 'localCommId',
      'cm.rtu.remotecommid': 'remoteCommId',
      'cm.rtu.private': 'privateData',
    },
  ],
  '0x0015': [
    'DREQ',
    {
      'cm.dreq.localcommid': 'localCommId',
      'cm.dreq.remotecommid': 'remoteCommId',
      'cm.req.remoteqpneecn': 'remoteQpnEecn',
      'cm.dreq.private': 'privateData',
    },
  ],
  '0x0016': [
    'DREP',
    {
      'cm.drsp.localcommid': 'localCommId',
      'cm.drsp.remotecommid': 'remoteCommId',
      'cm.drsp.private': 'privateData',
    },
  ],
  '0x0017': ['SIDR_REQ', {}],
  '0x0018': ['SIDR_REP', {}],
  '0x0019': ['LAP', {}],
  '0x001a': ['APR', {}],
};

/** Every `infiniband.` value of a packet's tree, whatever it is nested in. */
function flatten(tree, into = {}) {
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value === 'object') flatten(value, into);
    else if (name.startsWith('infiniband.')) into[name.slice('infiniband.'.length)] = value;
  }
  return into;
}

function goldenValue(value) {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2})+$/.test(value)) return value;
  const hex = value.replaceAll(':', '');
  const kept = hex.replace(/(00)+$/, '');
  const zeros = (hex.length - kept.length) / 2;
  return zeros === 0 ? hex : `${kept}+${zeros} zeros`;
}

function pick(values, names) {
  return Object.fromEntries(
    Object.entries(names)
      .filter(([theirs]) => values[theirs] !== undefined)
      .map(([theirs, ours]) => [ours, goldenValue(values[theirs])]),
  );
}

function messagesOf(file) {
  const json = execFileSync('tshark', ['-n', '-r', file, '-Y', 'infiniband.mad.mgmtclass == 7', '-T', 'json'], {
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(json).map(({ _source: { layers } }) => {
    const values = flatten(layers.infiniband);
    const [message, names] = MESSAGES[values['mad.attributeid']];
    return {
      frame: Number(layers.frame['frame.number']),
      time: layers.frame['frame.time_relative'],
      message,
      packet: pick(values, PACKET),
      header: pick(values, HEADER),
      fields: pick(values, names),
    };
  });
}

/** JSON with as many entries on a line as fit: a message is a paragraph. */
function print(messages) {
  const wrap = (object, indent) => {
    const lines = [];
    let line = '';
    for (const [name, value] of Object.entries(object)) {
      const entry = `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
      if (line === '') line = entry;
      else if (indent.length + line.length + entry.length + 3 > LINE_WIDTH) {
        lines.push(line);
        line = entry;
      } else line += `, ${entry}`;
    }
    if (line !== '') lines.push(line);
    return lines.map((text) => indent + text).join(',\n');
  };
  const block = (name, object) => {
    const oneLine = wrap(object, '').replaceAll('\n', ' ');
    const short = `    "${name}": { ${oneLine} }`;
    if (oneLine === '') return `    "${name}": {}`;
    return short.length < LINE_WIDTH ? short : `    "${name}": {\n${wrap(object, '      ')} }`;
  };
  const paragraph = ({ frame, time, message, ...parts }) =>
    `  { ${wrap({ frame, time, message }, '')},\n${Object.entries(parts)
      .map(([name, part]) => (typeof part === 'string' ? `    "${name}": "${part}"` : block(name, part)))
      .join(',\n')} }`;
  return `[\n${messages.map(paragraph).join(',\n')}\n]\n`;
}

/** Messages whose every byte is drawn from a small generator, as one capture. */
function syntheticMessages() {
  let state = 1;
  const nextByte = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  };
  const dissected = Object.entries(MESSAGES).filter(([, [, names]]) => Object.keys(names).length > 0);
  const mads = dissected.flatMap(([attribute]) =>
    [1, 2].map(() => {
      const mad = Buffer.from(Array.from({ length: 256 }, nextByte));
      mad.set([1, 7, 2, 3]);
      mad.writeUInt16BE(Number(attribute), 16);
      return mad;
    }),
  );
  const folder = mkdtempSync(join(tmpdir(), 'ibcm-golden-'));
  try {
    const file = join(folder, 'synthetic.pcap');
    writeFileSync(file, Buffer.concat([pcapHeader(), ...mads.map(pcapRecord)]));
    return messagesOf(file).map(({ packet: _, ...message }, index) => ({
      ...message,
      mad: mads[index].toString('hex'),
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function pcapHeader() {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0xffff, 16);
  header.writeUInt32LE(1, 20);
  return header;
}

/** Over IPv6: over IPv4, tshark prints the last four bytes of a REQ's GIDs only. */
function pcapRecord(mad, index) {
  const udpLength = 8 + 20 + 256 + 4;
  const frame = Buffer.alloc(14 + 40 + udpLength);
  frame.writeUInt16BE(0x86dd, 12);
  frame[14] = 0x60;
  frame.writeUInt16BE(udpLength, 18);
  frame[20] = 17;
  frame[21] = 64;
  frame.set([0xfd, 0x77], 22);
  frame.set([0xfd, 0x77], 38);
  frame.writeUInt16BE(49_152, 54);
  frame.writeUInt16BE(4_791, 56);
  frame.writeUInt16BE(udpLength, 58);
  frame.set([0x64, 0, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, index, 0x80, 1, 0, 0, 0, 0, 0, 1], 62);
  mad.copy(frame, 82);
  const record = Buffer.alloc(16);
  record.writeUInt32LE(index, 0);
  record.writeUInt32LE(frame.length, 8);
  record.writeUInt32LE(frame.length, 12);
  return Buffer.concat([record, frame]);
}

function write(name, messages) {
  writeFileSync(join(GOLDEN, `${name}.golden.json`), print(messages));
  console.log(`${name}: ${messages.length} messages`);
}

for (const name of readdirSync(CAPTURES).filter((file) => file.endsWith('.pcap'))) {
  write(name.slice(0, -'.pcap'.length), messagesOf(join(CAPTURES, name)));
}
write('synthetic', syntheticMessages());
