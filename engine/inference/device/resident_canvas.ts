import type { Staging } from "../../backends/webgpu/readback.ts";
import { FloodState, PHASE, stateWord, STATUS } from "../../../kernels/flood/state.ts";
import type { Box } from "../../geometry/box.ts";
import { mapZyx, volumeOf, type Zyx } from "../../geometry/vectors.ts";
import type { FovModel, ResidentPredictor } from "../canvas.ts";
import type { CanvasInput } from "../canvas_input.ts";
import { HostCanvas } from "../host_canvas.ts";
import type { DeviceFlood } from "./device_flood.ts";
import { linearIndex } from "./voxel_words.ts";

const UNVISITED = 0x7fc00000;

/**
 * Image, object map and network of one canvas on a device. A step is one submission, and one read that is not awaited: the
 * logits, from which the host keeps its own copy of the map. The kernels are those of a flood on the device.
 */
class ResidentFov implements ResidentPredictor {
  readonly model: FovModel;
  readonly #flood: DeviceFlood;
  readonly #size: Zyx;
  readonly #logits: Staging;
  /** Written for each submission: what the flood's own kernels would have left. */
  readonly #state = new FloodState();

  constructor(flood: DeviceFlood, image: Float32Array, size: Zyx, logits: Staging) {
    this.model = flood.predictor.model;
    this.#flood = flood;
    this.#size = size;
    this.#logits = logits;
    const { memory } = flood;
    memory.write("image", 0, image as Float32Array<ArrayBuffer>);
    memory.fill("object_map", 0, UNVISITED, volumeOf(size));
    this.#state.set("phase", PHASE.flood);
    this.#state.set("status", STATUS.run);
    this.#state.setVector("size", [size[0], size[1], size[2]]);
  }

  predict(): Promise<void> {
    throw new TypeError(
      "Cannot predict arrays of the host: image and object map are on the device",
    );
  }

  begin(start: Zyx, box: Box): void {
    const state = this.#state;
    const last = mapZyx((from, n) => from + n - 1, box.start, box.size);
    // Nothing was touched yet: the seed voxel alone is set.
    const [low, high] = volumeOf(box.size) === 0 ? [start, start] : [box.start, last];
    state.words.set([...low, ...high], stateWord("clear_lo_z"));
    state.set("clear_tick", state.get("tick"));
    state.set("start", linearIndex(start, this.#size));
    this.#submit("begin object", (encoder) => {
      const pass = encoder.beginComputePass({ label: "begin object" });
      this.#flood.stages.encodeClear(pass);
      pass.end();
    });
  }

  load(seed: Float32Array): void {
    this.#flood.memory.write("object_map", 0, Float32Array.from(seed));
  }

  async predictAt(position: Zyx, logits: Float32Array): Promise<void> {
    const { stages, predictor, backend } = this.#flood;
    this.#state.set("pos", linearIndex(position, this.#size));
    this.#submit("resident step", (encoder) => {
      const predict = encoder.beginComputePass({ label: "predict" });
      stages.encodePrediction(predict);
      predict.end();
      this.#logits.copyFrom(encoder, predictor.logits, 0, logits.byteLength);
      const update = encoder.beginComputePass({ label: "update object map" });
      stages.encodeMapUpdate(update);
      update.end();
    });
    logits.set(new Float32Array(await this.#logits.read(logits.byteLength)));
    await backend.readback.turn();
  }

  dispose(): void {
    this.#logits.dispose();
  }

  #submit(label: string, encode: (encoder: GPUCommandEncoder) => void): void {
    this.#flood.writeState(0, this.#state);
    this.#flood.backend.device.submit(label, encode);
  }
}

/**
 * A canvas that the host drives, position by position, over image, object map and network on a device. It does what
 * `DeviceCanvas` does with one read per field of view, and serves as its oracle on the same device.
 */
export class ResidentCanvas extends HostCanvas {
  readonly #predictor: ResidentFov;
  #release?: () => void;

  private constructor(input: CanvasInput, predictor: ResidentFov, release?: () => void) {
    super({ ...input, predictor });
    this.#predictor = predictor;
    this.#release = release;
  }

  /**
   * Takes over a flood of one slot, which no other canvas may use meanwhile.
   *
   * @param release Called when the canvas is disposed of: the slot is free.
   */
  static async open(
    flood: DeviceFlood,
    input: Omit<CanvasInput, "predictor">,
    release?: () => void,
  ): Promise<ResidentCanvas> {
    const bytes = 4 * volumeOf(flood.predictor.model.predSize);
    const logits = await flood.backend.readback.staging(bytes, "logits");
    const predictor = new ResidentFov(flood, input.image, input.size, logits);
    return new ResidentCanvas({ ...input, predictor }, predictor, release);
  }

  /** Leaves the slot to another canvas. */
  [Symbol.dispose](): void {
    this.#predictor.dispose();
    this.#release?.();
    this.#release = undefined;
  }
}
