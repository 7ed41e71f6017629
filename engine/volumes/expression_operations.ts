/** Operators and functions of coordinate expressions, with NumPy's meaning of int64, float64 and booleans. */

/** Booleans are 0 and 1. */
export type ExpressionType = "bool" | "int" | "float";

/** What an operation does on operands of given types; null where it does not take them. */
export interface Operation {
  readonly type: ExpressionType;
  apply(a: number, b: number): number;
}
export type Operator = (a: ExpressionType, b: ExpressionType) => Operation | null;

/** Integers are kept in doubles, so that they must stay exact there. */
function exact(n: number): number {
  if (Number.isSafeInteger(n)) return n;
  throw new RangeError(
    `Cannot evaluate an expression: integers go up to ${Number.MAX_SAFE_INTEGER}, current ${n}`,
  );
}

/** Remainder with the sign of the divisor; 0 for integers divided by 0. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && (rest < 0) !== (b < 0) ? rest + b : rest;
}

/** Largest integer not above the quotient. */
function floorDivide(a: number, b: number): number {
  if (b === 0) return a / b;
  const quotient = (a - modulo(a, b)) / b;
  const floor = Math.floor(quotient);
  // The division may have rounded down to just below the integer it stands for.
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function integerPower(base: number, exponent: number): number {
  if (exponent < 0) {
    throw new RangeError(
      `Cannot evaluate an expression: integers have no powers below 0, current ${base} ** ${exponent}; write ${base}.0`,
    );
  }
  let power = 1;
  for (let n = exponent, square = base; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) power = exact(power * square);
    if (n > 1) square = exact(square * square);
  }
  return power;
}

/** An operator on numbers; booleans are refused. */
function arithmetic(
  onIntegers: (a: number, b: number) => number,
  onFloats: (a: number, b: number) => number,
): Operator {
  return (a, b) => {
    if (a === "bool" || b === "bool") return null;
    const isInteger = a === "int" && b === "int";
    return { type: isInteger ? "int" : "float", apply: isInteger ? onIntegers : onFloats };
  };
}

/** Logical on two booleans, bitwise on two integers. */
function bitwise(
  small: (a: number, b: number) => number,
  large: (a: bigint, b: bigint) => bigint,
): Operator {
  const isSmall = (n: number) => n === (n | 0);
  const apply = (a: number, b: number) =>
    isSmall(a) && isSmall(b) ? small(a, b) : exact(Number(large(BigInt(a), BigInt(b))));
  return (a, b) => a === b && a !== "float" ? { type: a, apply } : null;
}

function comparison(apply: (a: number, b: number) => boolean, isEquality = false): Operator {
  return (a, b) => {
    if ((a === "bool" || b === "bool") && !(isEquality && a === b)) return null;
    return { type: "bool", apply: (x, y) => apply(x, y) ? 1 : 0 };
  };
}

const plus = (a: number, b: number) => a + b;
const minus = (a: number, b: number) => a - b;
const times = (a: number, b: number) => a * b;
const divide = (a: number, b: number) => a / b;

/** Binary operators but comparisons, loosest first; those of one level bind alike, from the left. */
export const BINARY_LEVELS: readonly Readonly<Record<string, Operator>>[] = [
  { "|": bitwise((a, b) => a | b, (a, b) => a | b) },
  { "^": bitwise((a, b) => a ^ b, (a, b) => a ^ b) },
  { "&": bitwise((a, b) => a & b, (a, b) => a & b) },
  {
    "+": arithmetic((a, b) => exact(a + b), plus),
    "-": arithmetic((a, b) => exact(a - b), minus),
  },
  {
    "*": arithmetic((a, b) => exact(a * b), times),
    "/": (a, b) => a === "bool" || b === "bool" ? null : { type: "float", apply: divide },
    "//": arithmetic((a, b) => b === 0 ? 0 : floorDivide(a, b), floorDivide),
    "%": arithmetic((a, b) => b === 0 ? 0 : modulo(a, b), modulo),
  },
];

export const POWER: Operator = arithmetic(integerPower, (a, b) => a ** b);

export const COMPARISONS: Readonly<Record<string, Operator>> = {
  "==": comparison((a, b) => a === b, true),
  "!=": comparison((a, b) => a !== b, true),
  "<": comparison((a, b) => a < b),
  "<=": comparison((a, b) => a <= b),
  ">": comparison((a, b) => a > b),
  ">=": comparison((a, b) => a >= b),
};

/** Unary operators; the second operand is ignored. */
export const UNARY: Readonly<Record<string, Operator>> = {
  "+": (a) => a === "bool" ? null : { type: a, apply: (v) => v },
  "-": (a) => a === "bool" ? null : { type: a, apply: (v) => a === "int" ? 0 - v : -v },
  "~": (a) => {
    if (a === "float") return null;
    return { type: a, apply: a === "bool" ? (v) => 1 - v : (v) => -1 - v };
  },
};

/** Functions of one or two arguments. */
export const FUNCTIONS: Readonly<Record<string, { arguments: 1 | 2; operator: Operator }>> = {
  abs: { arguments: 1, operator: (a) => a === "bool" ? null : { type: a, apply: Math.abs } },
  sqrt: {
    arguments: 1,
    operator: (a) => a === "bool" ? null : { type: "float", apply: (v) => Math.sqrt(v) },
  },
  min: { arguments: 2, operator: arithmetic(Math.min, Math.min) },
  max: { arguments: 2, operator: arithmetic(Math.max, Math.max) },
};
