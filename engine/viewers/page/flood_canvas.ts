import { type Box, endOf } from "../../geometry/box.ts";
import {
  addZyx,
  floorDivZyx,
  maxZyx,
  minZyx,
  subZyx,
  volumeOf,
  type Zyx,
} from "../../geometry/vectors.ts";
import type { FovPredictor } from "../../inference/canvas.ts";
import { resolveThresholds } from "../../inference/canvas_options.ts";
import { HostCanvas } from "../../inference/host_canvas.ts";
import { expit32, logit32 } from "../../inference/logit.ts";
import { measureObject } from "../../inference/object_acceptance.ts";
import { MovementRestrictor } from "../../inference/restrictor.ts";
import { quantiseProbability } from "../../segmentation/quantisation.ts";
import type { AcceptedObject, GrownObject } from "../accepted_object.ts";
import { packObject } from "../accepted_object.ts";
import type { FloodDescription } from "../view_description.ts";
import { AcceptedObjects } from "./accepted_objects.ts";
import { askServer } from "./ask_server.ts";
import { canvasExits } from "./canvas_exits.ts";
import type { FloodEvent } from "./flood_messages.ts";
import { weakPlaces } from "./weak_places.ts";

/** Time between two reports of a growing object: more often than a picture is drawn would be of no use. */
const REPORT_INTERVAL_MS = 30;

/** One canvas of the engine inside the page: the same code grows objects here and under `ffn run-inference`. */
export class FloodCanvas {
  readonly box: Box;
  readonly #canvas: HostCanvas;
  readonly #flood: FloodDescription;
  readonly #objects: AcceptedObjects;
  readonly #base: string;
  readonly #predSize: Zyx;
  #last: { start: Zyx; steps: number; seconds: number } | null = null;

  private constructor(
    canvas: HostCanvas,
    box: Box,
    flood: FloodDescription,
    base: string,
    predSize: Zyx,
  ) {
    this.box = box;
    this.#predSize = predSize;
    this.#canvas = canvas;
    this.#flood = flood;
    this.#base = base;
    this.#objects = new AcceptedObjects(base, {
      add: (object, prob) =>
        this.#write(object, (i, p) => {
          if (prob[p] === 0) return;
          canvas.segmentation[i] = object.id;
          canvas.segProb[i] = prob[p];
        }),
      remove: (object) =>
        this.#write(object, (i) => {
          if (canvas.segmentation[i] === object.id) canvas.segmentation[i] = canvas.segProb[i] = 0;
        }),
    });
  }

  /** Fetches image, restrictions, labels and accepted objects of a box; the server prepares them as for a run. */
  static async open(
    base: string,
    box: Box,
    flood: FloodDescription,
    predictor: FovPredictor,
  ): Promise<FloodCanvas> {
    const get = async (what: string) => {
      const response = await askServer(`${base}canvas/${box.start.join(",")}/${what}`);
      return await response.arrayBuffer();
    };
    const image = new Float32Array(await get("image"));
    const [mask, labels] = await Promise.all(["mask", "labels"].map(get));
    const restrictor = new MovementRestrictor(box.size, {
      mask: mask.byteLength === 0 ? null : new Uint8Array(mask),
    });
    const { options, movementPolicy } = flood;
    const canvas = new HostCanvas({
      ...{ image, size: box.size, predictor, options, restrictor, movementPolicy },
      keepHistory: true,
    });
    if (labels.byteLength > 0) canvas.initSegmentation(new Int32Array(labels));
    const opened = new FloodCanvas(canvas, box, flood, base, predictor.model.predSize);
    await opened.refresh();
    return opened;
  }

  /** Takes over what was accepted or taken back anywhere. */
  async refresh(): Promise<void> {
    await this.#objects.refresh(({ corner }) => `${corner}` === `${this.box.start}`);
  }

  /** Grows an object from a voxel of the volume until it ends by itself or `signal` ends it. */
  async grow(start: Zyx, signal: AbortSignal, tell: (event: FloodEvent) => void): Promise<void> {
    const canvas = this.#canvas, predSize = this.#predSize;
    const startedMs = performance.now();
    const local = subZyx(start, this.box.start);
    const half = floorDivZyx(predSize, 2);
    let changed: Box | null = null, path: Zyx[] = [], reportedMs = -Infinity, steps = 0;
    const report = () => {
      if (changed === null) return;
      const prob = this.#quantised(changed, -Infinity);
      const box = { start: addZyx(changed.start, this.box.start), size: changed.size };
      tell({ type: "grown", box, prob, path, steps });
      changed = null;
      path = [];
      reportedMs = performance.now();
    };
    let ending: string | null = null;
    this.#last = null;
    try {
      await canvas.segmentAt(local, {
        signal,
        onStep: (position, count) => {
          steps = count;
          path.push(addZyx(position, this.box.start));
          const from = maxZyx(subZyx(position, half), [0, 0, 0]);
          const to = minZyx(addZyx(subZyx(position, half), predSize), this.box.size);
          const low = changed === null ? from : minZyx(changed.start, from);
          const high = changed === null ? to : maxZyx(endOf(changed), to);
          changed = { start: low, size: subZyx(high, low) };
          if (performance.now() - reportedMs >= REPORT_INTERVAL_MS) report();
        },
      });
    } catch (error) {
      if (!signal.aborted) throw error;
      ending = "it was stopped";
    }
    report();
    const seconds = (performance.now() - startedMs) / 1000;
    tell({ type: "done", steps, seconds, ...this.#judge(local, steps, ending) });
    if (steps > 0) this.#last = { start: local, steps, seconds };
  }

  /** Sends the last object to the server, which keeps it. */
  async accept(threshold: number): Promise<{ id: number; voxels: number }> {
    if (this.#last === null) throw new Error("Cannot accept: no object has grown");
    const box = this.#canvas.extent;
    const object: GrownObject = { corner: this.box.start, ...this.#last, box };
    const prob = this.#quantised(box, logit32(threshold));
    const body = packObject(object, prob);
    const response = await askServer(`${this.#base}objects`, { method: "POST", body });
    this.#last = null;
    const accepted: AcceptedObject = await response.json();
    await this.refresh();
    return accepted;
  }

  /** What `ffn run-inference` would say of the object, and where it is doubtful. */
  #judge(start: Zyx, steps: number, ending: string | null) {
    const { segmentation, segProb, seed } = this.#canvas, { size } = this.box;
    const { move, segment, minSegmentSize } = resolveThresholds(this.#flood.options);
    if (steps === 0) {
      const [z, y, x] = start;
      const owner = segmentation[(z * size[1] + y) * size[2] + x];
      const remark = ending ??
        (owner > 0
          ? `the seed is inside object ${owner}`
          : "no field of view fits around the seed, or a mask excludes it");
      return { voxels: 0, remark, weak: [] };
    }
    const box = this.#canvas.extent;
    const labelled = { size, seed, segmentation, segProb };
    const { voxels } = measureObject(labelled, box, segment);
    const [z, y, x] = start;
    const remark = ending ??
      (seed[(z * size[1] + y) * size[2] + x] < move
        ? "its seed became weak: ffn run-inference would drop it"
        : voxels < minSegmentSize
        ? `it has fewer than ${minSegmentSize} voxels: ffn run-inference would drop it`
        : null);
    const path = this.#canvas.history;
    const judged = { size, seed, segmentation, box, threshold: segment, path };
    const weak = [...canvasExits(judged, this.box, this.#flood.size), ...weakPlaces(judged)]
      .map(({ position, ...place }) => ({ position: addZyx(position, this.box.start), ...place }));
    return { voxels, remark, weak };
  }

  /** Quantised probabilities `[z, y, x]` of a box of the canvas; 0 below `threshold` and where never predicted. */
  #quantised({ start, size }: Box, threshold: number): Uint8Array<ArrayBuffer> {
    const { seed } = this.#canvas, [, height, width] = this.box.size;
    const prob = new Uint8Array(volumeOf(size));
    for (let z = 0, to = 0; z < size[0]; z++) {
      for (let y = 0; y < size[1]; y++) {
        const row = ((start[0] + z) * height + start[1] + y) * width + start[2];
        for (let i = row; i < row + size[2]; i++, to++) {
          if (seed[i] >= threshold) prob[to] = quantiseProbability(expit32(seed[i]));
        }
      }
    }
    return prob;
  }

  /** Visits the voxels of an object's box: index in the canvas, index in the box. */
  #write({ box: { start, size } }: AcceptedObject, visit: (i: number, p: number) => void): void {
    const [, height, width] = this.box.size;
    for (let z = 0, p = 0; z < size[0]; z++) {
      for (let y = 0; y < size[1]; y++) {
        const row = ((start[0] + z) * height + start[1] + y) * width + start[2];
        for (let i = row; i < row + size[2]; i++, p++) visit(i, p);
      }
    }
  }
}
