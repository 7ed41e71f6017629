/** A parsed Python literal: tuples and lists are arrays, dicts are maps with string keys. */
export type PythonLiteral =
  | string
  | number
  | boolean
  | null
  | PythonLiteral[]
  | Map<string, PythonLiteral>;

/** One token: punctuation, a quoted string, an integer (Python 2 wrote `5L`), or a word. */
const TOKEN = /\s*(?:([()[\]{},:])|[bu]?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(-?\d+)L?|(\w+))/uy;

const MAX_DEPTH = 8;

const WORDS = new Map<string, boolean | null>([["True", true], ["False", false], ["None", null]]);

const CLOSING: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

interface Token {
  punctuation?: string;
  value?: string | number | boolean | null;
}

/**
 * Parses the subset of Python literals that `.npy` headers use: strings, integers, booleans, None, tuples, lists, and
 * dicts with string keys. Nothing is evaluated.
 *
 * @throws {SyntaxError} when the text is anything else.
 */
export function parsePythonLiteral(text: string): PythonLiteral {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): PythonLiteral {
    const token = this.#next();
    if (token.value !== undefined) return token.value;
    const open = token.punctuation!;
    if (!(open in CLOSING)) throw this.#error(`a value, current "${open}"`);
    if (depth === MAX_DEPTH) throw this.#error(`at most ${MAX_DEPTH} levels of nesting`);
    return open === "{" ? this.#dict(depth) : this.#sequence(open, depth);
  }

  /** Only spaces and newlines may follow. */
  end(): void {
    if (this.#text.slice(this.#at).trim() !== "") throw this.#error("the end of the text");
  }

  #sequence(open: string, depth: number): PythonLiteral {
    const items: PythonLiteral[] = [];
    let comma = false;
    while (!this.#accept(CLOSING[open])) {
      if (items.length > 0 && !comma) throw this.#error(`"," or "${CLOSING[open]}"`);
      items.push(this.value(depth + 1));
      comma = this.#accept(",");
    }
    // (5) is a number in parentheses, (5,) is a tuple.
    return open === "(" && items.length === 1 && !comma ? items[0] : items;
  }

  #dict(depth: number): Map<string, PythonLiteral> {
    const entries = new Map<string, PythonLiteral>();
    let comma = true;
    while (!this.#accept("}")) {
      if (!comma) throw this.#error('"," or "}"');
      const key = this.value(depth + 1);
      if (typeof key !== "string") throw this.#error("a quoted key");
      if (!this.#accept(":")) throw this.#error('":"');
      entries.set(key, this.value(depth + 1));
      comma = this.#accept(",");
    }
    return entries;
  }

  #accept(punctuation: string): boolean {
    const before = this.#at;
    if (this.#next().punctuation === punctuation) return true;
    this.#at = before;
    return false;
  }

  #next(): Token {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (!match) throw this.#error("a Python literal");
    const [, punctuation, quoted, integer, word] = match;
    this.#at = TOKEN.lastIndex;
    if (punctuation !== undefined) return { punctuation };
    if (quoted !== undefined) return { value: unescape(quoted.slice(1, -1)) };
    if (integer !== undefined) {
      if (!Number.isSafeInteger(Number(integer))) throw this.#error("an integer below 2^53");
      return { value: Number(integer) };
    }
    if (!WORDS.has(word)) throw this.#error(`True, False or None, current "${word}"`);
    return { value: WORDS.get(word) };
  }

  #error(wanted: string): SyntaxError {
    return new SyntaxError(
      `Cannot parse a Python literal: expected ${wanted} at character ${this.#at}`,
    );
  }
}

/** The escapes that `repr` of a field name can contain. */
function unescape(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/gi,
    (whole, ...groups) => {
      const [x, u, U, other] = groups as (string | undefined)[];
      const code = x ?? u ?? U;
      if (code !== undefined) {
        return parseInt(code, 16) <= 0x10ffff ? String.fromCodePoint(parseInt(code, 16)) : whole;
      }
      return { n: "\n", t: "\t", r: "\r" }[other!] ?? other!;
    },
  );
}
