import {
  BINARY_LEVELS,
  COMPARISONS,
  type ExpressionType,
  FUNCTIONS,
  type Operator,
  POWER,
  UNARY,
} from "./expression_operations.ts";

/** Coordinates of one voxel. */
export interface Axes {
  x: number;
  y: number;
  z: number;
}

/** A part of an expression as a function of the voxel. */
export interface Expression {
  readonly type: ExpressionType;
  /** Booleans are 0 and 1. */
  readonly value: (at: Readonly<Axes>) => number;
  /** Coordinates that the value depends on. */
  readonly uses: Readonly<Record<keyof Axes, boolean>>;
}

/** Deeper nesting is refused: the parser and its result are recursive. */
const MAX_DEPTH = 100;

const TOKEN =
  /\s*(?:((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\w*)|([A-Za-z_]\w*)|(\*\*|\/\/|[=!<>]=|[-+*/%&^|~<>(),])|(\S)|$)/y;

const FLOAT = /^(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** What people write who expect more of Python. */
const WRITE_INSTEAD: Record<string, string> = { and: "&", or: "|", not: "~" };

interface Token {
  readonly kind: "number" | "name" | "symbol" | "other" | "end";
  readonly text: string;
  /** Counts from 1. */
  readonly column: number;
}

/**
 * Parses a condition on voxel coordinates.
 *
 * @throws {SyntaxError} with the column, for text outside the grammar and for operands of the wrong type.
 */
export function parseExpression(text: string): Expression {
  const parser = new Parser(text);
  const expression = parser.comparison();
  parser.expectEnd();
  if (expression.type !== "bool") {
    throw parser.error(
      { kind: "end", text, column: 1 },
      `the result must be a condition, for example (x > 3), it is ${NOUNS[expression.type]}`,
    );
  }
  return expression;
}

const NOUNS = { bool: "a condition", int: "an integer", float: "a float" };

/** Recursive descent; each method consumes what it is named after. */
class Parser {
  readonly #text: string;
  #next: Token;
  #end = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#next = this.#scan();
  }

  comparison(): Expression {
    const left = this.#binary(0);
    if (!this.#isAhead(COMPARISONS)) return left;
    const symbol = this.#take();
    const right = this.#binary(0);
    if (this.#isAhead(COMPARISONS)) {
      throw this.error(
        this.#next,
        "comparisons cannot be chained, and & and | bind tighter than they do: " +
          "put each comparison into parentheses",
      );
    }
    return this.#apply(COMPARISONS[symbol.text], symbol, left, right);
  }

  expectEnd(): void {
    if (this.#next.kind !== "end") throw this.#unexpected(this.#next, "an operator or the end");
  }

  error({ column }: Token, problem: string): SyntaxError {
    return new SyntaxError(`Cannot evaluate "${this.#text}": ${problem}, column ${column}`);
  }

  #binary(level: number): Expression {
    if (level === BINARY_LEVELS.length) return this.#unary();
    let left = this.#binary(level + 1);
    while (this.#isAhead(BINARY_LEVELS[level])) {
      const symbol = this.#take();
      const right = this.#binary(level + 1);
      left = this.#apply(BINARY_LEVELS[level][symbol.text], symbol, left, right);
    }
    return left;
  }

  #unary(): Expression {
    if (!this.#isAhead(UNARY)) return this.#power();
    const symbol = this.#take();
    return this.#apply(UNARY[symbol.text], symbol, this.#nested(() => this.#unary()));
  }

  /** Binds tighter than a sign on its left and looser than one on its right: -x ** -1 is -(x ** (-1)). */
  #power(): Expression {
    const base = this.#primary();
    if (this.#next.text !== "**") return base;
    const symbol = this.#take();
    return this.#apply(POWER, symbol, base, this.#nested(() => this.#unary()));
  }

  #primary(): Expression {
    const token = this.#take();
    if (token.kind === "number") return this.#number(token);
    if (token.text === "(") {
      const inside = this.#nested(() => this.comparison());
      this.#expect(")");
      return inside;
    }
    if (token.kind !== "name") throw this.#unexpected(token, "a value");
    if (token.text === "x" || token.text === "y" || token.text === "z") {
      const axis = token.text;
      const none = { x: false, y: false, z: false };
      return { type: "int", value: (at) => at[axis], uses: { ...none, [axis]: true } };
    }
    if (!Object.hasOwn(FUNCTIONS, token.text)) {
      const instead = Object.hasOwn(WRITE_INSTEAD, token.text) && WRITE_INSTEAD[token.text];
      throw this.error(
        token,
        `"${token.text}" is not known, ` +
          (instead ? `write ${instead}` : "there are x, y, z, abs, sqrt, min and max"),
      );
    }
    const { operator, arguments: count } = FUNCTIONS[token.text];
    this.#expect("(");
    const first = this.#nested(() => this.comparison());
    if (count === 1) {
      this.#expect(")");
      return this.#apply(operator, token, first);
    }
    this.#expect(",");
    const second = this.#nested(() => this.comparison());
    this.#expect(")");
    return this.#apply(operator, token, first, second);
  }

  #number(token: Token): Expression {
    const isInteger = /^\d+$/.test(token.text);
    const value = Number(token.text);
    const isValid = isInteger
      ? Number.isSafeInteger(value) && !/^0\d/.test(token.text)
      : FLOAT.test(token.text) && Number.isFinite(value);
    if (!isValid) throw this.error(token, `"${token.text}" is no decimal number`);
    const uses = { x: false, y: false, z: false };
    return { type: isInteger ? "int" : "float", value: () => value, uses };
  }

  /** @throws {SyntaxError} when the operator does not take the operands' types. */
  #apply(operator: Operator, symbol: Token, left: Expression, right = left): Expression {
    const operation = operator(left.type, right.type);
    if (operation === null) {
      const types = right === left
        ? NOUNS[left.type]
        : `${NOUNS[left.type]} and ${NOUNS[right.type]}`;
      throw this.error(symbol, `"${symbol.text}" does not take ${types}`);
    }
    const { apply, type } = operation;
    const [a, b] = [left.value, right.value];
    const uses = {
      x: left.uses.x || right.uses.x,
      y: left.uses.y || right.uses.y,
      z: left.uses.z || right.uses.z,
    };
    const value = right === left
      ? (at: Readonly<Axes>) => apply(a(at), 0)
      : (at: Readonly<Axes>) => apply(a(at), b(at));
    return { type, value, uses };
  }

  #nested(parse: () => Expression): Expression {
    if (++this.#depth > MAX_DEPTH) {
      throw this.error(this.#next, `at most ${MAX_DEPTH} levels can be nested`);
    }
    const expression = parse();
    this.#depth--;
    return expression;
  }

  #isAhead(operators: Readonly<Record<string, Operator>>): boolean {
    return this.#next.kind === "symbol" && Object.hasOwn(operators, this.#next.text);
  }

  #take(): Token {
    const token = this.#next;
    this.#next = this.#scan();
    return token;
  }

  #expect(text: string): void {
    const token = this.#take();
    if (token.text !== text) throw this.#unexpected(token, `"${text}"`);
  }

  #unexpected(token: Token, expected: string): SyntaxError {
    const found = token.kind === "end" ? "the end" : `"${token.text}"`;
    return this.error(token, `expected ${expected}, found ${found}`);
  }

  #scan(): Token {
    TOKEN.lastIndex = this.#end;
    const match = TOKEN.exec(this.#text)!;
    this.#end = TOKEN.lastIndex;
    const kinds = ["number", "name", "symbol", "other"] as const;
    const at = match.slice(1).findIndex((text) => text !== undefined);
    const text = match[at + 1] ?? "";
    return { kind: kinds[at] ?? "end", text, column: this.#end - text.length + 1 };
  }
}
