import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * `node scripts/cm-interface.js` (after `npm run build`): writes docs/cm-interface.md from the tables below and the CEP manager's
 * state table. A test makes the same text from the sources, and fails when the file, or a table here, says something else.
 */
export const DOCUMENT = fileURLToPath(new URL('../docs/cm-interface.md', import.meta.url));

/** How a call may fail besides `INVALID_ID`, `INVALID_STATE` and `CLOSED`. */
const VALUES = ['INVALID_PARAMETER', 'EncodeError'];

/**
 * The calls. `command`: what the state table calls it; left out where the state does not matter. `note`: what else must hold.
 * `only`: the states, where the interface asks for them itself.
 */
export const CALLS = {
  createId: { winof: 'create_id', errors: ['LIMIT_REACHED'], follows: 'an ID in IDLE' },
  destroyId: {
    winof: 'destroy_id',
    command: 'destroy',
    sends: 'REJ, DREQ, DREP or SIDR_REP, as the state demands, or nothing',
    errors: [],
    follows: '`onDestroyed`, at a later poll',
  },
  bind: { errors: ['SLOT_NOT_INVALID', 'CEP_BOUND'], follows: 'events go to the new callback' },
  listen: {
    winof: 'listen',
    command: 'listen',
    errors: ['LISTEN_CONFLICT', 'INVALID_PARAMETER', 'LIMIT_REACHED'],
    follows: 'req_received, sidr_req_received',
  },
  cancelListen: {
    winof: 'cancel_listen',
    command: 'cancelListen',
    sends: 'REJ or SIDR_REP, to each request that nobody has fetched',
    errors: [],
  },
  getRequest: {
    winof: 'get_request',
    only: ['LISTEN'],
    errors: [],
    follows: 'an ID in REQ_RCVD or SIDR_REQ_RCVD, or undefined',
  },
  getRequestEx: { winof: 'get_request_ex', only: ['LISTEN'], errors: [], follows: 'the same' },
  sendReq: {
    winof: 'send_req',
    command: 'sendReq',
    sends: 'REQ',
    errors: ['QPN_IN_USE', ...VALUES, 'LIMIT_REACHED'],
    follows: 'rep_received, rej_received, mra_received or req_error; peer to peer also req_received',
  },
  formatRep: {
    winof: 'format_rep',
    command: 'formatRep',
    errors: ['QPN_IN_USE', ...VALUES, 'LIMIT_REACHED'],
  },
  sendFormattedRep: {
    winof: 'send_formatted_rep',
    command: 'sendFormatted',
    sends: 'REP',
    errors: ['LIMIT_REACHED'],
    follows: 'rtu_received, rej_received, mra_received, dreq_received or rep_error',
  },
  sendRep: {
    winof: 'send_rep',
    command: 'sendRep',
    sends: 'REP',
    errors: ['QPN_IN_USE', ...VALUES, 'LIMIT_REACHED'],
    follows: 'the same',
  },
  sendRtu: { winof: 'send_rtu', command: 'sendRtu', sends: 'RTU', errors: ['EncodeError', 'LIMIT_REACHED'] },
  established: {
    winof: 'established',
    command: 'established',
    errors: ['LIMIT_REACHED'],
    follows: 'rtu_received, cause *established*',
  },
  sendRej: {
    winof: 'send_rej',
    command: 'sendRej',
    sends: 'REJ',
    errors: ['EncodeError', 'LIMIT_REACHED'],
    follows: 'timewait_exit, if a REP has gone either way',
  },
  sendMra: { winof: 'send_mra', command: 'sendMra', sends: 'MRA', errors: ['EncodeError', 'LIMIT_REACHED'] },
  sendDreq: {
    winof: 'send_dreq',
    command: 'sendDreq',
    sends: 'DREQ',
    errors: [...VALUES, 'LIMIT_REACHED'],
    follows: 'drep_received, dreq_error, or dreq_received if both disconnect; then timewait_exit',
  },
  sendDrep: {
    winof: 'send_drep',
    command: 'sendDrep',
    sends: 'DREP',
    errors: ['EncodeError', 'LIMIT_REACHED'],
    follows: 'timewait_exit',
  },
  sendLap: {
    winof: 'send_lap',
    command: 'sendLap',
    note: 'at the side that connected',
    sends: 'LAP',
    errors: [...VALUES, 'LIMIT_REACHED'],
    follows: 'apr_received, mra_received or lap_error',
  },
  sendApr: { winof: 'send_apr', command: 'sendApr', sends: 'APR', errors: ['EncodeError', 'LIMIT_REACHED'] },
  migrate: { winof: 'migrate', command: 'migrate', note: 'with an alternate path', errors: ['QPN_IN_USE'] },
  getQpAttr: {
    winof: 'get_qp_attr',
    command: 'getQpAttr',
    note: 'RTR and RTS: once the peer’s queue pair is known',
    errors: ['INVALID_PARAMETER'],
    follows: 'attributes for INIT, RTR or RTS',
  },
  sendSidrReq: {
    winof: 'send_sidr_req',
    command: 'sendSidrReq',
    sends: 'SIDR_REQ',
    errors: [...VALUES, 'LIMIT_REACHED'],
    follows: 'sidr_rep_received or sidr_req_error',
  },
  sendSidrRep: {
    winof: 'send_sidr_rep',
    command: 'sendSidrRep',
    sends: 'SIDR_REP',
    errors: ['EncodeError', 'LIMIT_REACHED'],
  },
};

/** The events: causes, the message that comes with the cause *message*, and what Linux calls them (drivers/infiniband/core/cma.c for rdma_cm's). */
export const EVENTS = {
  req_error: {
    when: 'nobody has answered our REQ',
    causes: ['retriesExhausted', 'deadline'],
    linux: 'REQ_ERROR',
    rdma: 'UNREACHABLE',
  },
  req_received: {
    when: 'a REQ has come for a listener; or one has crossed our own, which gives way',
    causes: ['message'],
    message: 'REQ',
    linux: 'REQ_RECEIVED',
    rdma: 'CONNECT_REQUEST',
  },
  rep_error: {
    when: 'nobody has answered our REP; *stale*: the peer has begun anew, before our REP or after it',
    causes: ['retriesExhausted', 'deadline', 'stale'],
    linux: 'REP_ERROR',
    rdma: 'UNREACHABLE',
  },
  rep_received: {
    when: 'the peer accepts: answer with `sendRtu` or `sendRej`',
    causes: ['message'],
    message: 'REP',
    linux: 'REP_RECEIVED',
    rdma: 'ESTABLISHED, or CONNECT_RESPONSE if it has no queue pair',
  },
  rtu_received: {
    when: 'the connection stands; *established*: data or a LAP has come before the RTU',
    causes: ['message', 'established'],
    message: 'RTU',
    linux: 'RTU_RECEIVED, USER_ESTABLISHED',
    rdma: 'ESTABLISHED',
  },
  dreq_error: {
    when: 'nobody has answered our DREQ; *stale*: one that the CM sent because the peer has forgotten the connection',
    causes: ['retriesExhausted', 'deadline', 'stale'],
    linux: 'DREQ_ERROR',
    rdma: 'DISCONNECTED',
  },
  dreq_received: {
    when: 'the peer disconnects: answer with `sendDrep`',
    causes: ['message'],
    message: 'DREQ',
    linux: 'DREQ_RECEIVED',
    rdma: 'DISCONNECTED',
  },
  drep_received: {
    when: 'the peer has answered our DREQ; *stale*: as for dreq_error',
    causes: ['message', 'stale'],
    message: 'DREP',
    linux: 'DREP_RECEIVED',
    rdma: 'DISCONNECTED',
  },
  rej_received: {
    when: 'the peer refuses, takes its request back, or ends the connection',
    causes: ['message'],
    message: 'REJ',
    linux: 'REJ_RECEIVED',
    rdma: 'REJECTED',
  },
  mra_received: {
    when: 'the peer needs longer to answer; the wait has been lengthened',
    causes: ['message'],
    message: 'MRA',
    linux: 'MRA_RECEIVED',
  },
  lap_error: {
    when: 'nobody has answered our LAP: the connection goes on without it',
    causes: ['retriesExhausted', 'deadline'],
    linux: 'LAP_ERROR',
  },
  lap_received: {
    when: 'the peer proposes an alternate path: answer with `sendApr`',
    causes: ['message'],
    message: 'LAP',
    linux: 'LAP_RECEIVED',
  },
  apr_received: {
    when: 'the peer has answered our LAP: its status says how',
    causes: ['message'],
    message: 'APR',
    linux: 'APR_RECEIVED',
  },
  sidr_req_error: {
    when: 'nobody has answered our SIDR_REQ',
    causes: ['retriesExhausted', 'deadline'],
    linux: 'SIDR_REQ_ERROR',
    rdma: 'UNREACHABLE',
  },
  sidr_req_received: {
    when: 'a SIDR_REQ has come for a listener',
    causes: ['message'],
    message: 'SIDR_REQ',
    linux: 'SIDR_REQ_RECEIVED',
    rdma: 'CONNECT_REQUEST',
  },
  sidr_rep_received: {
    when: 'the answer has come: its status says whether anything serves',
    causes: ['message'],
    message: 'SIDR_REP',
    linux: 'SIDR_REP_RECEIVED',
    rdma: 'ESTABLISHED, or UNREACHABLE for a status that is not 0',
  },
  timewait_exit: {
    when: 'timewait is over: the queue pair may be used again',
    causes: ['elapsed'],
    linux: 'TIMEWAIT_EXIT',
    rdma: 'TIMEWAIT_EXIT',
  },
};

const code = (text) => `\`${text}\``;
const codes = (names) => (names.length === 0 ? '–' : names.map(code).join(', '));
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** The states in which a call is valid, of those that the interface can lead to. */
function validIn({ command, only, note }, { STATE_TABLE, STATES }) {
  // It prepares no REQ and no APR.
  const prepared = STATES.flatMap((state) =>
    [STATE_TABLE[state].formatReq, STATE_TABLE[state].formatApr].flatMap(({ to = [] }) => to),
  );
  const states = STATES.filter((state) => !prepared.includes(state));
  const valid =
    only ?? states.filter((state) => command === undefined || STATE_TABLE[state][command].kind === 'handle');
  const text = valid.length === states.length ? 'all' : valid.join(', ');
  return note === undefined ? text : `${text}: ${note}`;
}

/** The document, from what `src/cep` exports. */
export function renderCmInterface(cep) {
  const sections = Object.entries(CALLS).map(([name, call]) => {
    const { winof, sends = 'nothing', errors, follows = '–' } = call;
    const states = name === 'createId' ? '–' : validIn(call, cep);
    return [code(name), winof === undefined ? '–' : code(winof), sends, states, codes(errors), follows];
  });
  const events = cep.EVENT_TYPES.map((type) => {
    const { when, causes, message, linux, rdma } = EVENTS[type];
    const linuxNames = linux.split(', ').map((name) => code(`IB_CM_${name}`));
    const rdmaNames = rdma?.replace(/[A-Z]{2,}(_[A-Z]+)*/g, (name) => code(`RDMA_CM_EVENT_${name}`)) ?? '–';
    return [code(type), when, causes.join(', '), message ?? '–', linuxNames.join(', '), rdmaNames];
  });
  return `${[
    '# The CM-only interface',
    [
      'Generated by `scripts/cm-interface.js`, with the states from `src/cep/state-table.ts`: do not edit.',
      '[The architecture](architecture.md#the-cm-only-interface) says how calls and callbacks go together,',
      '[the state machine](state-machine.md) what each state means.',
    ].join('\n'),
    '## Calls',
    [
      'Methods of `CmInterface`. Each but `createId` takes an ID first, and fails with `INVALID_ID` for one that it has not (any more); all fail',
      'with `CLOSED` once the interface is closed, and with `INVALID_STATE` in a state that is not named. A call that fails has changed nothing.',
      '`state` and `commIds` only tell, in any state. The names on the right of ours are those of WinOF’s `iba_cm_interface`.',
    ].join('\n'),
    table(['call', 'WinOF', 'sends', 'valid in', 'other errors', 'what follows'], sections),
    [
      '`QPN_IN_USE`, `LIMIT_REACHED`, `LISTEN_CONFLICT`, `INVALID_PARAMETER`, `INVALID_STATE`, `SLOT_NOT_INVALID` and `CEP_BOUND` are codes of `CepError`; `INVALID_ID`',
      'and `CLOSED`, with `NOT_IN_CALLBACK` (an event’s message, read too late) and `WOULD_DEADLOCK` (`poll` from inside a callback), of `CmError`. `EncodeError`: a value',
      'does not fit its field. WinOF answers “not supported” to its two SIDR calls; here they work.',
    ].join('\n'),
    '## Events',
    [
      'Told to the callback of the ID that they are about; a request, to that of its listener. WinOF has all but the last, with `iba_cm_` before the name.',
      '*message* is what `event.message` holds if the cause is *message* (of `drep_received`, also if it is *stale*). On the right are the names of Linux: `ib_cm` in the kernel, and',
      '`rdma_cm`, which users of librdmacm know: it keeps to itself what has none.',
    ].join('\n'),
    table(['event', 'when', 'cause', 'message', 'ib_cm', 'rdma_cm'], events),
    [
      'Causes: *message* came; *retriesExhausted*: sent as often as allowed; *deadline*: the time that the consumer gave is over; *stale*: the peer has shown that it has forgotten the',
      'connection; *established*: the connection stands without an RTU; *elapsed*: time is over. Where something was sent and not answered, `event.transmissions` says how often.',
    ].join('\n'),
  ].join('\n\n')}\n`;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const text = renderCmInterface(await import('../dist/cep/index.js'));
  if (text === readIfThere()) console.log('docs/cm-interface.md is up to date');
  else {
    writeFileSync(DOCUMENT, text);
    console.log('docs/cm-interface.md written');
  }
}

function readIfThere() {
  try {
    return readFileSync(DOCUMENT, 'utf8');
  } catch {
    return undefined;
  }
}
