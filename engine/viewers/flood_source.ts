import type { TypedArray } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { floorDivZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { Counters } from "../inference/counters.ts";
import { type PreparedSubvolume, prepareSubvolume } from "../inference/prepare_subvolume.ts";
import type { InferenceRequest } from "../inference/request.ts";
import { openRunnerVolumes, type RunnerVolumes } from "../inference/runner_volumes.ts";
import { checkCheckpointFits } from "../models/checkpoint_fit.ts";
import { makeLabelsContiguous } from "../segmentation/contiguous.ts";
import { openCheckpoint } from "../volumes/checkpoint_file.ts";
import { spatialSize } from "../volumes/volume.ts";
import type { FloodDescription } from "./view_description.ts";

/** What a page that grows objects gets from the files of a request: the network, and canvases as a run prepares them. */
export class FloodSource implements AsyncDisposable {
  readonly request: InferenceRequest;
  readonly #volumes: RunnerVolumes;

  private constructor(request: InferenceRequest, volumes: RunnerVolumes) {
    this.request = request;
    this.#volumes = volumes;
  }

  /**
   * Opens what a request names.
   *
   * @param size Of the volume that is shown.
   * @throws {RangeError} when the request's image has another size, or no field of view fits into it.
   */
  static async open(request: InferenceRequest, shown: string, size: Zyx): Promise<FloodSource> {
    {
      await using checkpoint = await openCheckpoint(request.modelCheckpointPath);
      checkCheckpointFits(request.model, checkpoint.prefix, checkpoint.variables);
    }
    const volumes = await openRunnerVolumes(request);
    const refuse = async (reason: string) => {
      await volumes[Symbol.asyncDispose]();
      return new RangeError(`Cannot grow objects in "${shown}" with this request: ${reason}`);
    };
    const own = spatialSize(volumes.image), { imageSize } = request.model;
    if (`${own}` !== `${size}`) {
      throw await refuse(
        `its image "${volumes.image.spec}" must have the same size, current sizes are zyx (${
          own.join(", ")
        }) and (${size.join(", ")})`,
      );
    }
    if (imageSize.some((n, axis) => n > size[axis])) {
      throw await refuse(
        `the field of view (${imageSize.join(", ")}) is larger than the volume (${
          size.join(", ")
        }) (zyx)`,
      );
    }
    return new FloodSource(request, volumes);
  }

  /** What the page needs to know to grow objects itself. */
  describe(backend: FloodDescription["backend"], folder: string): FloodDescription {
    const { message, model, options, movementPolicy } = this.request;
    return {
      size: spatialSize(this.#volumes.image),
      modelName: message.modelName!,
      modelArgs: JSON.parse(message.modelArgs || "{}"),
      variables: model.variables.map(({ name, shape }) => ({ name, shape: [...shape] })),
      margin: floorDivZyx(model.imageSize, 2),
      ...{ options, movementPolicy, backend, folder },
    };
  }

  /** Values of all variables one behind the other, float32. */
  async variables(): Promise<Uint8Array<ArrayBuffer>> {
    await using checkpoint = await openCheckpoint(this.request.modelCheckpointPath);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (const { name } of this.request.model.variables) {
      parts.push(bytesOf((await checkpoint.read(name)).data));
    }
    return await new Blob(parts).bytes();
  }

  /** A part of a canvas as bytes; empty where it has none. Image float32, mask uint8, labels int32, all `[z, y, x]`. */
  async canvas(box: Box, part: "image" | "mask" | "labels"): Promise<Uint8Array<ArrayBuffer>> {
    if (part === "labels") {
      const labels = await this.baseLabels(box);
      return labels === null ? new Uint8Array() : bytesOf(labels);
    }
    const { masks, shiftMask } = this.request;
    if (part === "mask" && masks.length === 0 && shiftMask === null) return new Uint8Array();
    const prepared = await this.#prepare(box);
    return part === "image" ? bytesOf(prepared.image) : maskOf(prepared, box.size);
  }

  /** Labels `[z, y, x]` that a canvas starts from, renumbered from 1; null without. */
  async baseLabels(box: Box): Promise<Int32Array | null> {
    if (this.#volumes.initSegmentation === null) return null;
    const { labels } = await this.#prepare(box);
    if (labels === null) return null;
    return Int32Array.from(makeLabelsContiguous(labels, { keepZero: true }).labels);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#volumes[Symbol.asyncDispose]();
  }

  async #prepare(box: Box): Promise<PreparedSubvolume> {
    const counters = new Counters();
    const { emptyBecause, ...prepared } = await prepareSubvolume(
      ...[this.request, this.#volumes, box, counters, counters] as const,
    );
    if (emptyBecause === null) return { emptyBecause, ...prepared };
    throw new RangeError(`Cannot grow objects here: ${emptyBecause}`);
  }
}

/** 1 where no field of view may be centred; empty where one may be anywhere. */
function maskOf({ restrictor }: PreparedSubvolume, size: Zyx): Uint8Array<ArrayBuffer> {
  if (!restrictor.isRestricted) return new Uint8Array();
  const mask = new Uint8Array(volumeOf(size));
  for (let z = 0, i = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[2]; x++, i++) {
        if (!restrictor.isValidPosition([z, y, x])) mask[i] = 1;
      }
    }
  }
  return mask;
}

function bytesOf(data: TypedArray): Uint8Array<ArrayBuffer> {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}
