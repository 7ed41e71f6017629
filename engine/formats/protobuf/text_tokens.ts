/** Words, numbers, strings and punctuation of the protobuf text format, with their places. */

/** Text that does not follow the format or its schema; its `name` stays `SyntaxError`. */
export class TextFormatError extends SyntaxError {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  constructor(message: string, line: number, column: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

/** A piece of text; `text` is empty at the end. */
export interface Token {
  readonly text: string;
  readonly offset: number;
}

const SPACE_OR_COMMENT = /(?:\s|#[^\n]*)+/y;
// A word or number runs on over letters, signs and dots, so that "08", "1.0.0" and "5x" are one bad token, as in the
// reference parser. A string that its line does not close is a token too and refused when it is read.
const TOKEN = new RegExp(
  [
    String.raw`[a-zA-Z_][0-9a-zA-Z_+-]*`,
    String.raw`(?:[0-9+-]|\.[0-9])[0-9a-zA-Z_.+-]*`,
    String.raw`"[^"\n\\]*(?:\\.[^"\n\\]*)*"?`,
    String.raw`'[^'\n\\]*(?:\\.[^'\n\\]*)*'?`,
    String.raw`[^]`,
  ].join("|"),
  "y",
);

/** Splits text into tokens on demand, one ahead. */
export class Tokens {
  #text: string;
  #source: string;
  #ahead: Token;

  /** @param source What the text is, for messages: a path in quotes, or the name of a message type. */
  constructor(text: string, source: string) {
    this.#text = text;
    this.#source = source;
    this.#ahead = this.#scan(0);
  }

  /** The next token, not consumed. */
  get next(): Token {
    return this.#ahead;
  }

  /** Consumes and returns the next token. */
  take(): Token {
    const token = this.#ahead;
    this.#ahead = this.#scan(token.offset + token.text.length);
    return token;
  }

  /** Consumes the next token when it is `text`. */
  tryTake(text: string): boolean {
    const found = this.#ahead.text === text;
    if (found) this.take();
    return found;
  }

  /** Consumes the next token, which has to be one of `texts`. */
  expect(...texts: string[]): Token {
    const token = this.#ahead;
    if (texts.includes(token.text)) return this.take();
    const wanted = texts.map((text) => `"${text}"`).join(" or ");
    throw this.error(token, `expected ${wanted}, found ${describe(token)}`);
  }

  /** The error for a token: where it is and what is wrong with it. */
  error(token: Token, problem: string): TextFormatError {
    const before = this.#text.slice(0, token.offset).split("\n");
    const [line, column] = [before.length, before[before.length - 1].length + 1];
    const place = `line ${line}, column ${column}`;
    return new TextFormatError(
      `Cannot parse ${this.#source} at ${place}: ${problem}`,
      line,
      column,
    );
  }

  #scan(from: number): Token {
    SPACE_OR_COMMENT.lastIndex = from;
    const offset = SPACE_OR_COMMENT.test(this.#text) ? SPACE_OR_COMMENT.lastIndex : from;
    TOKEN.lastIndex = offset;
    return { text: TOKEN.exec(this.#text)?.[0] ?? "", offset };
  }
}

/** A token for a message, cut to a readable length. */
export function describe(token: Token): string {
  if (token.text === "") return "the end";
  const text = token.text.length > 40 ? `${token.text.slice(0, 40)}…` : token.text;
  return text.startsWith('"') ? text : `"${text}"`;
}
