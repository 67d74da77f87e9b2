/** What is in flight: messages with how often each is, in no order, since any may be delivered next. */
interface Flight {
  /** Sorted, repeated as often as the message is in flight. */
  readonly messages: readonly number[];
  readonly distinct: readonly number[];
  /** Other flights by what is taken away or added. */
  readonly without: Map<number, number>;
  readonly with: Map<number, number>;
}

/** Every set of messages in flight, each kept and numbered once; 0 is the empty one. */
export class Flights {
  readonly #flights: Flight[] = [];
  readonly #numbers = new Map<string, number>();

  constructor() {
    this.#number([]);
  }

  get size(): number {
    return this.#flights.length;
  }

  messages(flight: number): readonly number[] {
    return this.#flight(flight).messages;
  }

  /** Each message that may be delivered next. */
  distinct(flight: number): readonly number[] {
    return this.#flight(flight).distinct;
  }

  /** One message less. */
  without(flight: number, message: number): number {
    const { messages, without } = this.#flight(flight);
    let number = without.get(message);
    if (number === undefined) {
      number = this.#number(messages.toSpliced(messages.indexOf(message), 1));
      without.set(message, number);
    }
    return number;
  }

  /** Some messages more. @param sentNumber names the list, with the side that sent it: equal lists have equal names. */
  with(flight: number, sent: readonly number[], sentNumber: number): number {
    if (sent.length === 0) return flight;
    const { messages, with: more } = this.#flight(flight);
    let number = more.get(sentNumber);
    if (number === undefined) {
      number = this.#number([...messages, ...sent].sort((a, b) => a - b));
      more.set(sentNumber, number);
    }
    return number;
  }

  #flight(flight: number): Flight {
    return this.#flights[flight] as Flight;
  }

  #number(messages: readonly number[]): number {
    const key = messages.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#flights.length;
    this.#numbers.set(key, number);
    this.#flights.push({ messages, distinct: [...new Set(messages)], without: new Map(), with: new Map() });
    return number;
  }
}
