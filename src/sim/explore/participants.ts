import type { ServiceId } from '../../base/index.js';
import { CepParticipant } from './cep-participant.js';
import type { Participant, Surroundings } from './participant.js';
import { cepPort } from './port.js';
import type { Plan } from './script.js';

const SERVICE = 0x0106_1d2fn as ServiceId;
/** Owners are numbered from 1. */
const FIRST_OWNER = 1;

/** The consumer that a plan is for. */
export function participantOf(plan: Plan, side: Omit<Surroundings, 'owner' | 'serviceId'>): Participant {
  return new CepParticipant(plan, { ...side, owner: FIRST_OWNER, serviceId: SERVICE }, cepPort);
}
