/** The nodes of the SLURM job that this process is part of. */
import { UnsupportedError, UsageError } from "../errors/errors.ts";
import type { Execute } from "./slurm.ts";

/** One of them. */
export interface AllocatedNode {
  readonly name: string;
  /** How others reach it: a name or an address. */
  readonly address: string;
  /** Graphics cards that the job has there. */
  readonly gpus: number;
}

/** Has every node say its name and cards; both variables are set by SLURM, the second by sites without the first. */
const PROBE = 'echo "$SLURMD_NODENAME|${SLURM_GPUS_ON_NODE:-}|${CUDA_VISIBLE_DEVICES:-}"';

/**
 * Nodes of the job in SLURM's order; the batch script runs on the first.
 *
 * @param env Of the batch script.
 */
export async function allocatedNodes(
  run: Execute,
  env: (name: string) => string | undefined,
): Promise<AllocatedNode[]> {
  const list = env("SLURM_JOB_NODELIST");
  if (list === undefined) {
    throw new UsageError(
      "Cannot use --launch slurm outside of a SLURM job: use ffn slurm-train, or --workers N for this machine",
    );
  }
  const ask = async (program: string, ...args: string[]) => {
    const { code, stdout, stderr } = await run(program, args);
    if (code === 0) return stdout.split("\n").map((l) => l.trim()).filter((l) => l !== "");
    throw new UnsupportedError(`Cannot ask SLURM: ${program} ${args[0]} says: ${stderr.trim()}`);
  };
  const names = await ask("scontrol", "show", "hostnames", list);
  const gpus = new Map(
    (await ask(
      "srun",
      ...STEP,
      `--nodes=${names.length}`,
      "--ntasks-per-node=1",
      "sh",
      "-c",
      PROBE,
    ))
      .map((line) => {
        const [name, count, visible] = line.split("|");
        return [name, Number(count) || visible.split(",").filter((v) => v !== "").length];
      }),
  );
  const described = await ask("scontrol", "--oneliner", "show", "node", list);
  const addresses = new Map(described.map((line) => {
    const field = (key: string) => new RegExp(`\\b${key}=(\\S+)`).exec(line)?.[1];
    return [field("NodeName"), field("NodeAddr")];
  }));
  return names.map((name) => ({
    name,
    address: addresses.get(name) ?? name,
    gpus: gpus.get(name) ?? 0,
  }));
}

/** A step that shares the job's nodes with others, and outlives the loss of nodes it does not use. */
const STEP = ["--overlap", "--no-kill", "--kill-on-bad-exit=0", "--mpi=none"];

/** Words that start a program on one node of the job. */
export function srunOn(node: AllocatedNode): readonly string[] {
  return ["srun", ...STEP, "--nodes=1", "--ntasks=1", `--nodelist=${node.name}`, "--unbuffered"];
}

/**
 * Ranks of the workers of each node, the first and how many.
 *
 * @param counts `N`, or `N,M,…` with one for each node; without it a node has a worker per graphics card, and one where it has none.
 */
export function ranksOf(
  nodes: readonly AllocatedNode[],
  counts?: string,
): { readonly first: number; readonly count: number }[] {
  const given = counts?.split(",").map((n) => /^\d{1,4}$/.test(n.trim()) ? Number(n) : NaN);
  const isGood = given === undefined ||
    (given.length === 1 || given.length === nodes.length) && given.every((n) => n >= 0) &&
      given[0] > 0;
  if (!isGood) {
    throw new UsageError(
      `Cannot use --workers-per-node "${counts}": it must be one number, or one for each of the ${nodes.length} nodes, the first above 0`,
    );
  }
  let first = 0;
  return nodes.map(({ gpus }, i) => {
    const count = given === undefined ? Math.max(1, gpus) : given[i] ?? given[0];
    const own = { first, count };
    first += count;
    return own;
  });
}
