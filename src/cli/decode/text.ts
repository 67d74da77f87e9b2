import { withoutControlCharacters } from '../../base/index.js';
import type { Style } from '../style.js';
import type { DecodedMessage, UndecodedMessage } from './decoder.js';
import type { LineOrigin } from './json.js';
import { summarize } from './summary.js';

const FRAME_WIDTH = 5;
const TIME_WIDTH = 11;
const TIME_DECIMALS = 6;
const MESSAGE_WIDTH = 'SIDR_REQ'.length;

/** Writes messages as lines for people, in columns. The addresses' column is as wide as the longest address so far. */
export class TextLines {
  readonly #style: Style;
  readonly #withFile: boolean;
  #addressWidth = 0;

  /** @param withFile begins each line with the file: there is more than one. */
  constructor(style: Style, withFile: boolean) {
    this.#style = style;
    this.#withFile = withFile;
  }

  /** The message's line, without the line's end. */
  format({ file, time }: LineOrigin, decoded: DecodedMessage | UndecodedMessage): string {
    const { bold, dim, red } = this.#style;
    const frame = String(decoded.frame).padStart(FRAME_WIDTH);
    const seconds = (time === undefined ? '-' : time.toFixed(TIME_DECIMALS)).padStart(TIME_WIDTH);
    const details = decoded.icrc === 'bad' ? [red('ICRC BAD')] : [];
    let message: string;
    if (decoded.kind === 'message') {
      message = bold(decoded.mad.message.padEnd(MESSAGE_WIDTH));
      details.push(...summarize(decoded.mad));
    } else {
      message = red('error'.padEnd(MESSAGE_WIDTH));
      details.push(decoded.error);
    }
    const columns = [dim(`${frame} ${seconds}`), this.#addresses(decoded), message, ...details];
    return `${this.#withFile ? `${withoutControlCharacters(file)}: ` : ''}${columns.join('  ')}`;
  }

  #addresses({ source = '?', destination = '?' }: DecodedMessage | UndecodedMessage): string {
    this.#addressWidth = Math.max(this.#addressWidth, source.length, destination.length);
    return `${source.padStart(this.#addressWidth)} → ${destination.padEnd(this.#addressWidth)}`;
  }
}
