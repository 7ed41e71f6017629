import { join, resolve } from "node:path";
import { NotFoundError, UsageError } from "../errors/errors.ts";
import type { InferenceRequestMessage } from "../formats/protobuf/inference.ts";
import { parseInferenceRequest, printInferenceRequest } from "../formats/protobuf/requests.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { chosenCheckpoints, stepOf } from "./checkpoint_requests.ts";
import { readTextFile } from "./read_request.ts";

/** The options of `ffn checkpoint-stencils`. */
export interface StencilOptions {
  readonly requests?: readonly string[];
  readonly ckptDir?: string;
  readonly ckpts?: readonly string[];
  readonly outputDir?: string;
}

/** What stands for each seed policy in names; A sorts first, so that forward runs come before those that need them. */
const SUFFIXES: Readonly<Record<string, string>> = {
  PolicyPeaks: "A_peaks",
  PolicyInvertOrigins: "B_invert",
};

/**
 * Writes every request for every step, reversed ones starting from the forward results of their own step.
 *
 * @returns Paths of the requests, in the order to run them.
 * @throws {UsageError} when an option is missing or a request has another seed policy, {@linkcode NotFoundError} when
 * there is no checkpoint of a step; nothing is written then.
 */
export async function writeStencils(
  { requests = [], ckptDir, ckpts = [], outputDir }: StencilOptions,
): Promise<string[]> {
  if (requests.length === 0 || ckptDir === undefined || ckpts.length === 0 || !outputDir) {
    throw new UsageError(
      "Cannot write requests without --requests, --ckpt-dir, --ckpts and --output-dir",
    );
  }
  const stencils = new Map<string, InferenceRequestMessage>();
  for (const path of requests) {
    const message = parseInferenceRequest(await readTextFile("request", path), `"${path}"`);
    const suffix = SUFFIXES[message.seedPolicy ?? ""];
    if (suffix === undefined) {
      throw new UsageError(
        `Cannot use "${path}" for every checkpoint: its seed policy must be ` +
          `${Object.keys(SUFFIXES).join(" or ")}, current is "${message.seedPolicy ?? ""}"`,
      );
    }
    if (stencils.has(suffix)) {
      throw new UsageError(
        `Cannot use "${path}" for every checkpoint: another request has ${message.seedPolicy} too`,
      );
    }
    stencils.set(suffix, message);
  }
  const prefixes = await prefixesOf(ckptDir, ckpts);
  const written: string[] = [];
  for (const [step, prefix] of prefixes) {
    const folderOf = (suffix: string) => join(resolve(outputDir), `${step}_${suffix}`);
    for (const suffix of [...stencils.keys()].sort()) {
      const isReversed = suffix === SUFFIXES.PolicyInvertOrigins;
      const message: InferenceRequestMessage = {
        ...stencils.get(suffix)!,
        ...{ modelCheckpointPath: prefix, segmentationOutputDir: folderOf(suffix) },
        ...(isReversed && {
          seedPolicyArgs: JSON.stringify({ segmentation_dir: folderOf(SUFFIXES.PolicyPeaks) }),
        }),
      };
      await Deno.mkdir(folderOf(suffix), { recursive: true });
      const path = `${folderOf(suffix)}.pbtxt`;
      await writeFileAtomically(path, new TextEncoder().encode(printInferenceRequest(message)));
      written.push(path);
    }
  }
  return written;
}

/** Path prefixes by step, rising: of exactly the steps that are wanted. */
async function prefixesOf(
  ckptDir: string,
  ckpts: readonly string[],
): Promise<[number, string][]> {
  const there = await chosenCheckpoints({ ckptDir });
  const steps = [...new Set(ckpts.map(Number))].sort((a, b) => a - b);
  return steps.map((step) => {
    const found = there.filter((prefix) => stepOf(prefix) === step);
    if (found.length === 1) return [step, found[0]];
    throw new NotFoundError(
      `Cannot take step ${step} of "${ckptDir}": it has ${found.length} checkpoints of that step, ` +
        `its steps are ${there.map(stepOf).join(", ")}`,
    );
  });
}
