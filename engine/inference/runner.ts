import { encodeInferenceRequest } from "../formats/protobuf/requests.ts";
import { streamNpz } from "../formats/npz.ts";
import type { Box } from "../geometry/box.ts";
import { equalZyx, volumeOf } from "../geometry/vectors.ts";
import { loadOrigins } from "../segmentation/load_segmentation.ts";
import { saveSegmentation } from "../segmentation/save_segmentation.ts";
import {
  findSubvolumeFile,
  removeUnfinished,
  subvolumePath,
} from "../segmentation/subvolume_paths.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import type { Canvas, CanvasResult } from "./canvas.ts";
import { type CheckpointOwner, loadCheckpoint, saveCheckpoint } from "./canvas_checkpoint.ts";
import { Counters } from "./counters.ts";
import type { Executor } from "./executor.ts";
import type { CanvasInput } from "./canvas_input.ts";
import { HostCanvas } from "./host_canvas.ts";
import type { InferenceRequest } from "./request.ts";
import { checkOwnFolder, checkOwnSegmentation, isSameRequest } from "./request_identity.ts";
import type { RunControl, SeenCanvas } from "./run_control.ts";
import { openRunnerVolumes, type RunnerVolumes } from "./runner_volumes.ts";
import { createSeedPolicy } from "./seed_policies/create_seed_policy.ts";
import type { SeedPolicy } from "./seed_policies/policy.ts";
import { type PreparedSubvolume, prepareSubvolume } from "./prepare_subvolume.ts";

/** A subvolume that is being segmented. */
export interface SeenSubvolume {
  /** What is segmented. */
  readonly box: Box;
  /** Normalised, `[z, y, x]`. */
  readonly image: Float32Array;
  /** Its labels, and the object that is growing. */
  readonly canvas: SeenCanvas;
}

/** How a runner may be watched and stopped; it brings its own checkpoints. */
export interface RunnerControl extends Omit<RunControl, "checkpoint" | "look"> {
  /** Asked between steps, a few times per second, whether somebody wants to look; the run waits until that is done. */
  look?(subvolume: SeenSubvolume): Promise<void> | undefined;
  /** Where files are written and looked for; the request's output folder unless given. */
  readonly folder?: string;
}

/** A subvolume that was segmented and saved. */
export interface SubvolumeResult extends CanvasResult {
  /** What was segmented. */
  readonly box: Box;
  /** Path of the segmentation. */
  readonly path: string;
  /** What was counted in this subvolume. */
  readonly counters: Counters;
  /** Why nothing could be segmented; null where it could. */
  readonly emptyBecause: string | null;
}

/** What a runner works with beside its request. */
export interface RunnerResources {
  /** Access to the network; shared by runners whose requests name the same one. Stays the caller's. */
  readonly executor: Executor;
  /** Makes the canvas of a subvolume; one on the host unless given. */
  readonly createCanvas?: (input: CanvasInput) => Canvas | Promise<Canvas>;
}

/** Segments subvolumes as one request asks, from its volumes to the files of its output folder. */
export class Runner implements AsyncDisposable {
  /** What it runs. */
  readonly request: InferenceRequest;
  /** Those of masks and executor; every subvolume has its own for the rest. */
  readonly counters: Counters;
  readonly #volumes: RunnerVolumes;
  readonly #executor: Executor;
  readonly #createCanvas: (input: CanvasInput) => Canvas | Promise<Canvas>;

  private constructor(
    request: InferenceRequest,
    volumes: RunnerVolumes,
    { executor, createCanvas = (input) => new HostCanvas(input) }: RunnerResources,
  ) {
    this.request = request;
    this.counters = executor.counters;
    this.#volumes = volumes;
    this.#executor = executor;
    this.#createCanvas = createCanvas;
  }

  /**
   * Opens everything that the request names and checks that it fits; nothing is written.
   *
   * @throws the error of whatever does not exist, is damaged or does not fit.
   */
  static async start(request: InferenceRequest, resources: RunnerResources): Promise<Runner> {
    const { model } = resources.executor;
    for (const name of ["imageSize", "seedSize", "predSize", "deltas"] as const) {
      if (equalZyx(model[name], request.model[name])) continue;
      throw new RangeError(
        `Cannot run the request with network "${model.name}": ${name} must be (${
          request.model[name].join(", ")
        }), current is (${model[name].join(", ")}) (zyx)`,
      );
    }
    await checkOwnFolder(request.message);
    return new Runner(request, await openRunnerVolumes(request), resources);
  }

  /** Checks that a box can be segmented, so that a bad one is reported before any work. */
  checkBox(box: Box): void {
    this.#volumes.checkBox(box);
  }

  /**
   * Segments the subvolume `box` and saves it; goes on from a checkpoint where there is one. A run that is aborted leaves
   * a checkpoint.
   *
   * @returns null when the subvolume was finished before.
   */
  async run(box: Box, control: RunnerControl = {}): Promise<SubvolumeResult | null> {
    const { message } = this.request;
    const dir = control.folder ?? this.request.segmentationOutputDir;
    this.checkBox(box);
    const finished = await findSubvolumeFile(dir, box.start, "npz");
    if (finished !== null) {
      await checkOwnSegmentation(message, finished);
      return null;
    }
    control.signal?.throwIfAborted();
    const counters = new Counters();
    const prepared = await prepareSubvolume(
      this.request,
      this.#volumes,
      box,
      counters,
      this.counters,
    );
    control.signal?.throwIfAborted();
    if (prepared.emptyBecause !== null) {
      const nothing = emptyResult(box);
      const path = await this.#save(dir, box, nothing, counters);
      return { ...nothing, box, path, counters, emptyBecause: prepared.emptyBecause };
    }
    const result = await this.#segment(box, prepared, counters, control);
    const path = await this.#save(dir, box, result, counters);
    await removeUnfinished(dir, box.start);
    return { ...result, box, path, counters, emptyBecause: null };
  }

  /** Closes the volumes; the executor stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#volumes[Symbol.asyncDispose]();
  }

  async #segment(
    box: Box,
    { image, restrictor, labels }: PreparedSubvolume,
    counters: Counters,
    control: RunnerControl,
  ): Promise<CanvasResult> {
    const { request } = this;
    const dir = control.folder ?? request.segmentationOutputDir;
    using client = this.#executor.connect();
    const canvas = await this.#createCanvas({
      image,
      size: box.size,
      predictor: client,
      options: request.options,
      restrictor,
      movementPolicy: request.movementPolicy,
      counters,
    });
    try {
      if (labels !== null) canvas.initSegmentation(labels);
      const owner: CheckpointOwner = {
        size: box.size,
        request: encodeInferenceRequest(request.message),
        isSameRequest: (stored) => isSameRequest(request.message, stored),
      };
      const saved = await findSubvolumeFile(dir, box.start, "cpoint");
      if (saved !== null) canvas.restore(await loadCheckpoint(saved, owner));
      if (request.saveRaw) {
        const im = { dtype: "float32", shape: box.size, data: image } as const;
        await writeFileAtomically(
          subvolumePath(dir, box.start, "align"),
          streamNpz([{ name: "im", value: im }]),
        );
      }
      await canvas.segmentAll(await this.#seedPolicy(box, image, restrictor, canvas), {
        ...control,
        // Without it nothing keeps the image in memory where the canvas lies on a device.
        look: control.look && ((canvas) => control.look!({ box, image, canvas })),
        checkpoint: {
          intervalMs: 1000 * request.checkpointIntervalSec,
          save: (snapshot) =>
            saveCheckpoint(subvolumePath(dir, box.start, "cpoint"), snapshot, owner),
        },
      });
      return await canvas.result();
    } finally {
      canvas[Symbol.dispose]?.();
    }
  }

  async #seedPolicy(
    box: Box,
    image: Float32Array,
    { mask, seedMask }: Pick<PreparedSubvolume["restrictor"], "mask" | "seedMask">,
    canvas: Canvas,
  ): Promise<SeedPolicy> {
    const { name, args } = this.request.seedPolicy;
    return await createSeedPolicy(name, args, {
      image,
      size: box.size,
      margin: this.#volumes.margin,
      mask,
      seedMask,
      segmentation: (await canvas.result()).segmentation,
      voxelSizeNm: this.#volumes.image.voxelSizeNm,
      corner: box.start,
      loadOrigins,
    });
  }

  async #save(
    dir: string,
    box: Box,
    result: CanvasResult,
    counters: Counters,
  ): Promise<string> {
    return await saveSegmentation(dir, box.start, {
      ...result,
      size: box.size,
      request: encodeInferenceRequest(this.request.message),
      counters: counters.toRecord(),
    });
  }
}

function emptyResult({ size }: Box): CanvasResult {
  return {
    segmentation: new Int32Array(volumeOf(size)),
    segProb: new Uint8Array(volumeOf(size)),
    origins: new Map(),
    overlaps: new Map(),
  };
}
