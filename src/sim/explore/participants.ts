import type { ServiceId } from '../../base/index.js';
import { CepParticipant } from './cep-participant.js';
import { JointParticipant } from './joint-participant.js';
import type { Participant, Surroundings } from './participant.js';
import { cepPort, cmPort } from './port.js';
import { QueuePairParticipant } from './queue-pair-participant.js';
import type { Plan } from './script.js';

const SERVICE = 0x0106_1d2fn;

/** The consumer that a plan is for, or both of them. The first owner that a manager opens has the number 1. */
export function participantOf(plan: Plan, side: Omit<Surroundings, 'owner' | 'serviceId'>, owner = 1): Participant {
  const surroundings = { ...side, owner, serviceId: (SERVICE + BigInt(owner)) as ServiceId };
  const participant = alone(plan, surroundings);
  return plan.beside ? new JointParticipant(participant, participantOf(plan.beside, side, owner + 1)) : participant;
}

function alone(plan: Plan, surroundings: Surroundings): Participant {
  switch (plan.interface) {
    case 'queuePair':
      return new QueuePairParticipant(plan, surroundings);
    case 'cm':
      return new CepParticipant(plan, surroundings, cmPort);
    default:
      return new CepParticipant(plan, surroundings, cepPort);
  }
}
