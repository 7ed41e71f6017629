/**
 * The tagged errors of the engine, beside the platform's own: `TypeError` for a wrong type or shape, `RangeError` for
 * a value out of range, `SyntaxError` for text that will not parse.
 *
 * A message starts upper-case, names the action ("Cannot …"), quotes strings, gives the current value and the wanted
 * one, and has no final period.
 */

/** Something that was asked for by name does not exist: a file, a dataset, a variable, a model class. */
export class NotFoundError extends Error {
  /** Tag of the class. */
  override readonly name = "NotFoundError";
}

/** The input is well-formed but asks for what this program does not do. */
export class UnsupportedError extends Error {
  /** Tag of the class. */
  override readonly name = "UnsupportedError";
}

/** A command line that cannot be run as given; the CLI prints it with the usage hint and exits with 2. */
export class UsageError extends Error {
  /** Tag of the class. */
  override readonly name = "UsageError";
}

/** Bytes that do not follow their format: truncated, corrupted, or not that format at all. */
export class FormatError extends Error {
  /** Tag of the class. */
  override readonly name = "FormatError";
  /** File (or archive member) the bytes came from. */
  readonly path: string;
  /** Byte offset of the trouble where it is known. */
  readonly offset?: number;
  /** `at` says where the trouble is. */
  constructor(message: string, at: { path: string; offset?: number; cause?: unknown }) {
    super(message, at.cause === undefined ? undefined : { cause: at.cause });
    this.path = at.path;
    this.offset = at.offset;
  }
}

/** A compute kernel that failed to build or to run. */
export class KernelError extends Error {
  /** Tag of the class. */
  override readonly name = "KernelError";
  /** Label of the pipeline or wasm module. */
  readonly label: string;
  /** Source line where the compiler gave one. */
  readonly line?: number;
  /** Whether the backend has been set up again, so that the same work may be given to it once more. */
  readonly recovered: boolean;
  /** `at` says where the trouble is. */
  constructor(
    message: string,
    at: { label: string; line?: number; recovered?: boolean; cause?: unknown },
  ) {
    super(message, at.cause === undefined ? undefined : { cause: at.cause });
    this.label = at.label;
    this.line = at.line;
    this.recovered = at.recovered ?? false;
  }
}
