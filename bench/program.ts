/**
 * What a bench is: `bench/<area>/<name>_bench.ts` exports these. It checks results before it times anything, takes
 * medians after a warm-up, and prints every launch.
 */
export interface BenchProgram {
  /** One line for `deno task bench --list`. */
  readonly description: string;
  /** Returns what goes into `bench/results/`. */
  run(context: BenchContext): Promise<unknown>;
}

/** What a bench gets. */
export interface BenchContext {
  /** Root of the repository. */
  readonly root: string;
  /** An empty folder, removed afterwards. */
  readonly folder: string;
  /** Threads to use: all cores, or `--threads N`. */
  readonly threads: number;
  /** How often each side is started: 7, or `--launches N`. */
  readonly launches: number;
  /** `--small`: sizes that only show that everything runs; benches without such sizes take no notice. */
  readonly small: boolean;
  /** Folder with the reference's program, where `--reference` names one. */
  readonly reference?: string;
  print(line: string): void;
}
