/**
 * What an acceptance program is: `tests/acceptance/<name>.ts` exports these. They are the long checks on real data; each
 * prints its figures beside what is wanted and ends with PASS or FAIL (tests/acceptance/run.ts).
 */
export interface AcceptanceProgram {
  /** One line for `deno task acceptance --list`. */
  readonly description: string;
  /** Whether continuous integration runs it. */
  readonly ci?: boolean;
  /** Python environments that it needs, one list of requirements each; `--prepare` makes them ahead. */
  readonly environments?: readonly (readonly string[])[];
  /** Throws, or fails a check, where the product does not do what is wanted. */
  run(context: AcceptanceContext): Promise<void>;
}

/** What a program gets. */
export interface AcceptanceContext {
  /** The FIB-25 data folder, which exists. */
  readonly fib25: string;
  /** Root of the repository. */
  readonly root: string;
  /** An empty folder, removed after the program. */
  readonly folder: string;
  /** Threads to use: all cores, or `--threads N`. */
  readonly threads: number;
  /** Prints a line. */
  print(line: string): void;
  /** Prints a figure beside what is wanted of it; where it does not hold the program fails, after its other checks. */
  check(what: string, value: number | string, wanted: string, holds: boolean): void;
}
