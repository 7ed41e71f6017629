import { join } from "node:path";
import { NotFoundError } from "../errors/errors.ts";
import type { Origins } from "../formats/origins.ts";
import type { Overlaps } from "../formats/overlaps.ts";
import type { InferenceRequestMessage } from "../formats/protobuf/inference.ts";
import { encodeInferenceRequest, printInferenceRequest } from "../formats/protobuf/requests.ts";
import { type Box, endOf } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { CanvasResult } from "../inference/canvas.ts";
import { saveCheckpoint } from "../inference/canvas_checkpoint.ts";
import { saveSegmentation } from "../segmentation/save_segmentation.ts";
import { subvolumePath } from "../segmentation/subvolume_paths.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import {
  type AcceptedObject,
  type GrownObject,
  packObject,
  unpackObject,
} from "./accepted_object.ts";
import { SparseLabels } from "./sparse_labels.ts";
import { canvasesOf } from "./view_description.ts";

/** Time without a change after which the canvases are written. */
const QUIET_MS = 3000;

/** What a session needs to know of its volume. */
export interface SessionOptions {
  /** Where everything goes. */
  readonly folder: string;
  /** Of the volume. */
  readonly size: Zyx;
  readonly request: InferenceRequestMessage;
  /** Labels `[z, y, x]` that a canvas starts from, 1, 2, … ; null without. */
  baseLabels(canvas: Box): Promise<Int32Array | null>;
  /** Told that objects came or went, or that the canvases were written, or why not. */
  onChange?(event: "objects" | "saved" | `failed ${string}`): void;
}

/**
 * The objects that were accepted in a page. Each is a file of its own as soon as it is accepted; after a quiet moment they
 * are also written as canvases: checkpoints and a request with which `ffn run-inference` goes on, and segmentations.
 */
export class CanvasSession implements AsyncDisposable {
  readonly folder: string;
  readonly #options: SessionOptions;
  readonly #objects = new Map<number, AcceptedObject>();
  /** Labels of each canvas by its corner, in coordinates of the canvas. */
  readonly #labels = new Map<string, Promise<SparseLabels>>();
  /** Corners of canvases that changed since they were written. */
  readonly #unsaved = new Set<string>();
  /** Highest label so far, those that were taken back included. */
  #last = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(options: SessionOptions) {
    this.folder = options.folder;
    this.#options = options;
  }

  /** Opens a folder, with the objects of earlier sessions where it has some. */
  static async open(options: SessionOptions): Promise<CanvasSession> {
    const session = new CanvasSession(options);
    const folder = join(options.folder, "objects");
    const names: string[] = [];
    try {
      for await (const { name } of Deno.readDir(folder)) names.push(name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const ids = names.flatMap((name) => /^(\d+)\.object$/.exec(name)?.[1] ?? []).map(Number);
    for (const id of ids.sort((a, b) => a - b)) {
      const { object } = unpackObject(await Deno.readFile(session.#pathOf(id)));
      session.#objects.set(id, session.#checked(object) as AcceptedObject);
      session.#last = id;
    }
    return session;
  }

  /** By label, ascending. */
  get objects(): AcceptedObject[] {
    return [...this.#objects.values()];
  }

  /** Quantised probabilities `[z, y, x]` of an object's box, 0 where it is not the object's. */
  async prob(id: number): Promise<Uint8Array> {
    if (!this.#objects.has(id)) throw new NotFoundError(`Cannot find object ${id}`);
    return unpackObject(await Deno.readFile(this.#pathOf(id))).prob;
  }

  /**
   * Keeps an object; voxels of earlier ones stay theirs.
   *
   * @throws {RangeError} when it lies outside of its canvas, or no voxel is left for it.
   */
  accept(packed: Uint8Array): Promise<AcceptedObject> {
    return this.#enqueue(async () => {
      const { object, prob } = unpackObject(packed);
      const grown = this.#checked(object);
      if (prob.length !== volumeOf(grown.box.size)) {
        throw new RangeError(
          `Cannot accept the object: its box has ${
            volumeOf(grown.box.size)
          } voxels, current number of bytes is ${prob.length}`,
        );
      }
      const labels = await this.#labelsOf(grown.corner);
      const id = Math.max(this.#last, labels.highest) + 1;
      const own = prob.slice();
      const { voxels, overlap } = labels.add(grown.box, own, id);
      if (voxels === 0) {
        throw new RangeError(
          "Cannot accept the object: none of its voxels is free, take back the objects that have them",
        );
      }
      const { corner, start, steps, seconds, box } = grown;
      const ids = [...overlap].sort((a, b) => a[0] - b[0]);
      const kept = { id, corner, start, steps, seconds, box, voxels, overlap: ids };
      try {
        await writeFileAtomically(this.#pathOf(id), packObject(kept, own));
      } catch (error) {
        labels.remove(box, id);
        throw error;
      }
      this.#last = id;
      this.#objects.set(id, kept);
      this.#changed(corner);
      return kept;
    });
  }

  /** Takes an object back. */
  remove(id: number): Promise<void> {
    return this.#enqueue(async () => {
      const object = this.#objects.get(id);
      if (object === undefined) {
        throw new NotFoundError(`Cannot take back object ${id}: no such object`);
      }
      const labels = await this.#labelsOf(object.corner);
      await Deno.remove(this.#pathOf(id));
      labels.remove(object.box, id);
      this.#objects.delete(id);
      this.#changed(object.corner);
    });
  }

  /** Writes what has changed: canvases, segmentations and the request. */
  save(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#enqueue(async () => {
      if (this.#unsaved.size === 0) return;
      const { request } = this.#options;
      const results = join(this.folder, "results");
      const message = { ...request, segmentationOutputDir: results };
      for (const key of [...this.#unsaved]) {
        const corner = key.split(",").map(Number) as unknown as Zyx;
        this.#unsaved.delete(key);
        try {
          await this.#saveCanvas(corner, results, encodeInferenceRequest(message));
        } catch (error) {
          this.#unsaved.add(key);
          throw error;
        }
      }
      const text = new TextEncoder().encode(printInferenceRequest(message));
      await writeFileAtomically(join(this.folder, "request.pbtxt"), text);
      this.#options.onChange?.("saved");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.save();
  }

  async #saveCanvas(corner: Zyx, results: string, request: Uint8Array): Promise<void> {
    const size = this.#canvasAt(corner)!.size;
    const result = await this.#canvasResult({ start: corner, size });
    const none = new Int32Array();
    const owner = { size, request, isSameRequest: () => true };
    await saveCheckpoint(subvolumePath(results, corner, "cpoint"), {
      ...result,
      seed: new Float32Array(volumeOf(size)).fill(NaN),
      ...{ history: [], historyDeleted: [], partialSteps: 0, seeds: null, counters: {} },
      movement: {
        start: [0, 0, 0],
        queuePositions: none,
        queueScores: new Float32Array(),
        done: none,
      },
      ...{ minPosition: [0, 0, 0], maxPosition: [0, 0, 0] },
    }, owner);
    const finished = { ...result, size, request, counters: {} };
    await saveSegmentation(join(this.folder, "accepted"), corner, finished);
  }

  /** Labels, probabilities and origins of a canvas, as a run would have left them. */
  async #canvasResult(canvas: Box): Promise<CanvasResult> {
    const { size } = canvas;
    const base = await this.#options.baseLabels(canvas);
    const segmentation = base ?? new Int32Array(volumeOf(size));
    const segProb = Uint8Array.from(segmentation, (label) => label > 0 ? 255 : 0);
    const origins: Origins = new Map(), overlaps: Overlaps = new Map();
    for (const object of this.#objects.values()) {
      if (`${object.corner}` !== `${canvas.start}`) continue;
      const prob = await this.prob(object.id);
      const { start, size: [depth, height, width] } = object.box;
      for (let z = 0, p = 0; z < depth; z++) {
        for (let y = 0; y < height; y++) {
          const row = ((start[0] + z) * size[1] + start[1] + y) * size[2] + start[2];
          for (let i = row; i < row + width; i++, p++) {
            if (prob[p] === 0) continue;
            segmentation[i] = object.id;
            segProb[i] = prob[p];
          }
        }
      }
      const { steps: iters, seconds: walltimeSec, overlap } = object;
      origins.set(object.id, { startZyx: object.start, iters, walltimeSec });
      const ids = overlap.map(([id]) => id), counts = overlap.map(([, count]) => count);
      overlaps.set(object.id, { ids, counts });
    }
    return { segmentation, segProb, origins, overlaps };
  }

  /** Labels of a canvas, its objects included; made when it is first asked for. */
  #labelsOf(corner: Zyx): Promise<SparseLabels> {
    const key = corner.join(",");
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    const made = (async () => {
      const labels = new SparseLabels();
      const canvas = this.#canvasAt(corner)!;
      const base = await this.#options.baseLabels(canvas);
      if (base !== null) labels.load(canvas.size, base);
      for (const { id, box, corner: other } of this.#objects.values()) {
        if (other.join(",") === key) labels.add(box, await this.prob(id), id);
      }
      return labels;
    })();
    this.#labels.set(key, made);
    made.catch(() => this.#labels.delete(key));
    return made;
  }

  /** An object that came from outside: its canvas must be one of the volume and hold it. */
  #checked(object: unknown): GrownObject {
    const refuse = (reason: string) =>
      new RangeError(`Cannot use an object of "${this.folder}": ${reason}; name another --output`);
    const { corner, start, box, steps, seconds } = object as GrownObject;
    const isVector = (v: unknown) =>
      Array.isArray(v) && v.length === 3 && v.every((n) => Number.isSafeInteger(n) && n >= 0);
    const isWhole = [corner, start, box?.start, box?.size].every(isVector) &&
      Number.isSafeInteger(steps) && Number.isFinite(seconds);
    if (!isWhole) throw refuse("it is damaged");
    const canvas = this.#canvasAt(corner);
    if (canvas === null) {
      throw refuse(`its canvas at zyx (${corner.join(", ")}) is none of this volume`);
    }
    const isInside = endOf(box).every((end, axis) =>
      end <= canvas.size[axis] && box.size[axis] > 0
    );
    if (!isInside) throw refuse("it reaches out of its canvas");
    return object as GrownObject;
  }

  #canvasAt(corner: Zyx): Box | null {
    return [...canvasesOf(this.#options.size)].find(({ start }) => `${start}` === `${corner}`) ??
      null;
  }

  #pathOf(id: number): string {
    return join(this.folder, "objects", `${id}.object`);
  }

  #changed(corner: Zyx): void {
    this.#unsaved.add(corner.join(","));
    clearTimeout(this.#timer);
    const { onChange } = this.#options;
    this.#timer = setTimeout(() => {
      this.save().catch((error: Error) => onChange?.(`failed ${error.message}`));
    }, QUIET_MS);
    onChange?.("objects");
  }

  /** Changes happen one after the other: two tabs may ask at once. */
  #enqueue<T>(job: () => Promise<T>): Promise<T> {
    const done = this.#queue.catch(() => {}).then(job);
    this.#queue = done.catch(() => {});
    return done;
  }
}
