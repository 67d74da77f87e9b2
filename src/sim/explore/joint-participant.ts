import type { Instant } from '../../base/index.js';
import type { Choice, Participant } from './participant.js';

const BESIDE = 'beside ';

/** Two consumers of one manager (R20). Actions of the second one are told by a word in front. */
export class JointParticipant implements Participant {
  readonly #both: readonly [Participant, Participant];
  #last: Participant;

  constructor(first: Participant, second: Participant) {
    this.#both = [first, second];
    this.#last = first;
  }

  get answers(): number {
    return this.#last.answers;
  }

  get onlyNoted(): boolean {
    return this.#last.onlyNoted;
  }

  get note(): string {
    return this.#last === this.#both[1] ? BESIDE + this.#last.note : this.#last.note;
  }

  get untold(): number {
    return this.#both[0].untold + this.#both[1].untold;
  }

  get unsettled(): readonly string[] {
    return this.#both.flatMap(({ unsettled }) => unsettled);
  }

  get boundSlots(): number {
    return this.#both[0].boundSlots + this.#both[1].boundSlots;
  }

  choices(): readonly Choice[] {
    const [first, second] = this.#both;
    return [...first.choices(), ...second.choices().map((choice) => ({ ...choice, name: BESIDE + choice.name }))];
  }

  act(name: string, now: Instant): void {
    const isSecond = name.startsWith(BESIDE);
    this.#last = this.#both[isSecond ? 1 : 0];
    this.#last.act(isSecond ? name.slice(BESIDE.length) : name, now);
  }

  check(): void {
    for (const each of this.#both) each.check();
  }

  close(now: Instant): void {
    for (const each of this.#both) each.close(now);
  }

  leftovers(): readonly string[] {
    return this.#both.flatMap((each) => each.leftovers());
  }

  image(): string {
    return this.#both.map((each) => each.image()).join('|');
  }
}
