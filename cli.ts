/**
 * The command line: `ffn COMMAND [options]`.
 *
 * @module
 */
import type { CommandList } from "./engine/commands/command.ts";
import { main } from "./engine/commands/main.ts";

/** Every command, in the order of `ffn --help`; each is loaded when it is asked for. */
export const COMMANDS: CommandList = {
  "run-inference": () => import("./engine/commands/run_inference.ts"),
  "run-batch-inference": () => import("./engine/commands/run_batch_inference.ts"),
  "segment-volume": () => import("./engine/commands/segment_volume.ts"),
  "run-slurm-inference": () => import("./engine/commands/run_slurm_inference.ts"),
  "checkpoint-stencils": () => import("./engine/commands/checkpoint_stencils.ts"),
  "status": () => import("./engine/commands/status.ts"),
  "consensus": () => import("./engine/commands/consensus.ts"),
  "run-consensus": () => import("./engine/commands/run_consensus.ts"),
  "run-resegmentation": () => import("./engine/commands/run_resegmentation.ts"),
  "automerge": () => import("./engine/commands/automerge.ts"),
  "demo": () => import("./engine/commands/demo.ts"),
  "fetch": () => import("./engine/commands/fetch.ts"),
  "compute-partitions": () => import("./engine/commands/compute_partitions.ts"),
  "build-coordinates": () => import("./engine/commands/build_coordinates.ts"),
  "train": () => import("./engine/commands/train.ts"),
  "slurm-train": () => import("./engine/commands/slurm_train.ts"),
  "train-secgan": () => import("./engine/commands/train_secgan.ts"),
  "slurm-train-secgan": () => import("./engine/commands/slurm_train_secgan.ts"),
  "run-secgan-xfer": () => import("./engine/commands/run_secgan_xfer.ts"),
  "train-style-xfer-decoder": () => import("./engine/commands/train_style_xfer_decoder.ts"),
  "train-style-xfer-encoder": () => import("./engine/commands/train_style_xfer_encoder.ts"),
  "run-style-xfer": () => import("./engine/commands/run_style_xfer.ts"),
  "run-ffn-deep-dream": () => import("./engine/commands/run_ffn_deep_dream.ts"),
  "export-checkpoint": () => import("./engine/commands/export_checkpoint.ts"),
  "import-checkpoint": () => import("./engine/commands/import_checkpoint.ts"),
  "doctor": () => import("./engine/commands/doctor.ts"),
  "evaluate": () => import("./engine/commands/evaluate.ts"),
  "show-simple-seg-stats": () => import("./engine/commands/show_simple_seg_stats.ts"),
  "view": () => import("./engine/commands/view.ts"),
  "ngvis": () => import("./engine/commands/ngvis.ts"),
  "planes": () => import("./engine/commands/planes.ts"),
  "info": () => import("./engine/commands/info.ts"),
  "convert": () => import("./engine/commands/convert.ts"),
};

if (import.meta.main) Deno.exit(await main(Deno.args, COMMANDS));
