/** One request for each checkpoint that is compared. */
import { basename, join, resolve } from "node:path";
import { parse } from "npm:yaml@2.9.1";
import { NotFoundError, UsageError } from "../errors/errors.ts";
import type { InferenceRequestMessage } from "../formats/protobuf/inference.ts";
import { printInferenceRequest } from "../formats/protobuf/requests.ts";
import { listSegmentations } from "../segmentation/subvolume_paths.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { findCheckpointPrefix } from "../volumes/checkpoint_prefix.ts";

/** Which checkpoints are meant. */
export interface CheckpointChoice {
  readonly ckpts?: readonly string[];
  readonly ckptDir?: string;
  /** File with `ckpts: {name: step}` and `cull: [name]`. */
  readonly yaml?: string;
}

/** A request of one checkpoint, in a file. */
export interface CheckpointRequest {
  readonly step: number;
  /** Of the request. */
  readonly path: string;
  readonly outputDir: string;
}

/** Path prefixes of the checkpoints that are meant, by rising step; none where none are asked for. */
export async function chosenCheckpoints(
  { ckpts, ckptDir, yaml }: CheckpointChoice,
): Promise<string[]> {
  if (yaml !== undefined && ckptDir === undefined) {
    throw new UsageError("Cannot use --yaml without --ckpt-dir, whose checkpoints it picks");
  }
  if (ckptDir === undefined) return await Promise.all((ckpts ?? []).map(findCheckpointPrefix));
  const names = await Array.fromAsync(Deno.readDir(ckptDir), ({ name }) => name).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot find checkpoints in "${ckptDir}": no such folder`);
  });
  const there = names.filter((name) => name.endsWith(".index")).map((name) =>
    join(ckptDir, name.slice(0, -".index".length))
  ).sort((a, b) => stepOf(a) - stepOf(b));
  if (yaml === undefined) return there;
  return (await stepsOf(yaml)).map((step) => {
    const found = there.filter((prefix) => stepOf(prefix) === step);
    if (found.length === 1) return found[0];
    throw new NotFoundError(
      `Cannot take step ${step} of "${ckptDir}": it has ${found.length} checkpoints of that step, ` +
        `its steps are ${there.map(stepOf).join(", ")}`,
    );
  });
}

/** Steps that a selection file names, rising, without those that it culls. */
async function stepsOf(path: string): Promise<number[]> {
  const { ckpts = {}, cull = [] } = parse(await Deno.readTextFile(path)) ?? {};
  const steps = Object.entries(ckpts).filter(([name]) => !cull.includes(name)).map(([, s]) => s);
  if (steps.length > 0 && steps.every((step): step is number => Number.isSafeInteger(step))) {
    return steps.sort((a, b) => a - b);
  }
  throw new UsageError(
    `Cannot use "${path}": ckpts must map names to steps, as in "ckpts: {early: 1000}"`,
  );
}

/** Last integer in the name of a checkpoint. */
export function stepOf(prefix: string): number {
  const step = basename(prefix).match(/\d+/g)?.at(-1);
  if (step !== undefined) return Number(step);
  throw new UsageError(`Cannot tell the step of "${prefix}": its name has no number`);
}

/**
 * Writes a request for each checkpoint into `outDir/STEP_res/infreq.pbtxt`. With a folder of forward results each starts
 * from the origins of its own step; checkpoints without are left out.
 */
export async function writeCheckpointRequests(
  base: InferenceRequestMessage,
  prefixes: readonly string[],
  outDir: string,
  forwardDir?: string,
): Promise<CheckpointRequest[]> {
  const requests: CheckpointRequest[] = [];
  for (const prefix of prefixes) {
    const step = stepOf(prefix);
    const outputDir = join(resolve(outDir), `${step}_res`);
    if (requests.some((request) => request.step === step)) {
      throw new UsageError(
        `Cannot compare two checkpoints of step ${step}: both would write to "${outputDir}"`,
      );
    }
    const message = { ...base, modelCheckpointPath: prefix, segmentationOutputDir: outputDir };
    if (forwardDir !== undefined) {
      const forward = await forwardResults(forwardDir, step);
      if (forward === null) continue;
      message.seedPolicyArgs = JSON.stringify({ segmentation_dir: forward });
    }
    const path = join(outputDir, "infreq.pbtxt");
    await writeFileAtomically(path, new TextEncoder().encode(printInferenceRequest(message)));
    requests.push({ step, path, outputDir });
  }
  return requests;
}

/** The folder of a step with results in it; null where there is none. */
async function forwardResults(forwardDir: string, step: number): Promise<string | null> {
  const names = await Array.fromAsync(Deno.readDir(forwardDir), ({ name }) => name);
  const found = names.filter((name) => name.match(/\d+/g)?.map(Number).includes(step));
  if (found.length > 1) {
    throw new UsageError(
      `Cannot tell the results of step ${step}: "${forwardDir}" has ${found.join(", ")}`,
    );
  }
  if (found.length === 0) return null;
  const folder = join(resolve(forwardDir), found[0]);
  return (await listSegmentations(folder)).length > 0 ? folder : null;
}
