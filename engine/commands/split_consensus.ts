import { NotFoundError, UsageError } from "../errors/errors.ts";
import { ConsensusRequestSchema } from "../formats/protobuf/consensus.ts";
import { parseText } from "../formats/protobuf/text_reader.ts";
import { listSubvolumes } from "../segmentation/assembly/subvolumes.ts";
import { computeConsensus, saveConsensus } from "../segmentation/compute_consensus.ts";
import { findSubvolumeFile } from "../segmentation/subvolume_paths.ts";
import { ScanMemory } from "../../wasm/labels/scan_memory.ts";
import type { Context } from "./command.ts";
import { showProgress } from "./progress.ts";

/** Works on every subvolume of the first segmentation that has no consensus yet. */
export async function runSplitConsensus(
  path: string | undefined,
  context: Context,
): Promise<void> {
  if (path === undefined) throw new UsageError("Cannot run without --request FILE.pbtxt");
  const text = await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open request "${path}": no such file`);
  });
  const request = parseText(ConsensusRequestSchema, text, `"${path}"`);
  const { segmentation1, segmentation2, segmentationOutputDir: output } = request;
  if (!segmentation1?.directory || !segmentation2?.directory || !output) {
    throw new RangeError(
      "Cannot run the consensus request: segmentation1.directory, segmentation2.directory and " +
        "segmentation_output_dir must be set",
    );
  }
  const boxes = await listSubvolumes(segmentation1.directory);
  using _memory = await ScanMemory.keep();
  using progress = showProgress(context, "splitting");
  let done = 0;
  for (const [i, { start }] of boxes.entries()) {
    context.signal.throwIfAborted();
    if (await findSubvolumeFile(output, start, "npz") === null) {
      await saveConsensus(output, start, await computeConsensus(start, request));
      done++;
    }
    progress.update({ fraction: (i + 1) / boxes.length, counts: { subvolumes: i + 1 } });
  }
  context.print(`"${output}": ${done} subvolumes done, ${boxes.length - done} were there`);
}
