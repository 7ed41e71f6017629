import { join } from "node:path";
import { NotFoundError } from "../errors/errors.ts";
import type { InferenceRequestMessage } from "../formats/protobuf/inference.ts";
import { encodeInferenceRequest, printInferenceRequest } from "../formats/protobuf/requests.ts";
import { type Box, endOf, intersect } from "../geometry/box.ts";
import { addZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import {
  type AcceptedObject,
  type GrownObject,
  packObject,
  probAt,
  trimObject,
  unpackObject,
} from "./accepted_object.ts";
import { isContinued } from "./continued_objects.ts";
import { RESULTS, saveCanvas } from "./saved_canvas.ts";
import { SparseLabels } from "./sparse_labels.ts";
import { checkSides, splitObject } from "./split_object.ts";
import { canvasWithCorner } from "./view_description.ts";

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
    const idsOf = (kind: string) =>
      names.flatMap((name) => new RegExp(`^(\\d+)\\.${kind}$`).exec(name)?.[1] ?? []).map(Number);
    const ids = idsOf("object").sort((a, b) => a - b);
    session.#last = Math.max(0, ...ids, ...idsOf("split"));
    for (const id of ids) {
      const { object } = unpackObject(await Deno.readFile(session.#pathOf(id)));
      const checked = session.#checked(object) as AcceptedObject;
      const { continues = [], splitFrom = null } = checked;
      const kept = { ...checked, continues, splitFrom };
      // A split that was not finished, or not wholly taken back.
      if (ids.includes(kept.splitFrom ?? 0)) await Deno.remove(session.#pathOf(id));
      else session.#objects.set(id, kept);
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
      let kept: AcceptedObject;
      try {
        const continues = await this.#continuedBy(grown, own);
        const made = { id, voxels, overlap: ids, continues, splitFrom: null };
        kept = { ...made, corner, start, steps, seconds, box };
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

  /**
   * Cuts an object in two, which get labels of their own.
   *
   * @param sides Marks of either side: `[[[z, y, x], …], [[z, y, x], …]]`, positions of the volume.
   * @throws {RangeError} when a mark is not in the object, or a side has none.
   */
  split(id: number, sides: unknown): Promise<AcceptedObject[]> {
    return this.#enqueue(async () => {
      const object = this.#objects.get(id);
      if (object === undefined) {
        throw new NotFoundError(`Cannot split object ${id}: no such object`);
      }
      const { corner, box, steps, seconds } = object;
      const origin = addZyx(corner, box.start);
      const prob = await this.prob(id);
      const marks = checkSides(id, sides, (voxel) => probAt(box, prob, subZyx(voxel, origin)) > 0);
      const local = marks.map((side) => side.map((voxel) => subZyx(voxel, origin)));
      const labels = await this.#labelsOf(corner);
      const first = Math.max(this.#last, labels.highest) + 1;
      const parts = splitObject(box.size, prob, [local[0], local[1]]).map((part, side) => {
        const trimmed = trimObject(box, part);
        // How much of the overlap with other objects is whose is not known.
        const made = { id: first + side, corner, steps, seconds, overlap: [], splitFrom: id };
        return { made, start: subZyx(marks[side][0], corner), ...trimmed };
      });
      const kept: AcceptedObject[] = [];
      try {
        for (const { made, prob, ...place } of parts) {
          const continues = await this.#continuedBy({ ...made, ...place }, prob);
          kept.push({ ...made, ...place, continues });
          await writeFileAtomically(this.#pathOf(made.id), packObject(kept.at(-1), prob));
        }
        // With this the sides count, and the whole no more.
        await Deno.rename(this.#pathOf(id), this.#pathOf(id, "split"));
      } catch (error) {
        for (const part of kept) await Deno.remove(this.#pathOf(part.id)).catch(() => {});
        throw error;
      }
      labels.remove(box, id);
      this.#objects.delete(id);
      kept.forEach((part, side) => {
        labels.add(part.box, parts[side].prob, part.id);
        this.#objects.set(part.id, part);
      });
      this.#last = first + 1;
      this.#changed(corner);
      return kept;
    });
  }

  /** Takes an object back; one side of a split takes the other with it, and the whole is there again. */
  remove(id: number): Promise<void> {
    return this.#enqueue(async () => {
      const object = this.#objects.get(id);
      if (object === undefined) {
        throw new NotFoundError(`Cannot take back object ${id}: no such object`);
      }
      const { corner, splitFrom } = object;
      const labels = await this.#labelsOf(corner);
      if (splitFrom === null) {
        await Deno.remove(this.#pathOf(id));
        labels.remove(object.box, id);
        this.#objects.delete(id);
      } else {
        await this.#join(splitFrom, labels);
      }
      this.#changed(corner);
    });
  }

  /** Undoes a split. */
  async #join(whole: number, labels: SparseLabels): Promise<void> {
    const sides = this.objects.filter(({ splitFrom }) => splitFrom === whole);
    if (sides.length < 2) {
      throw new RangeError(
        `Cannot undo the split of object ${whole}: one of its sides was split again, take that back first`,
      );
    }
    const { object, prob } = unpackObject(await Deno.readFile(this.#pathOf(whole, "split")));
    await Deno.rename(this.#pathOf(whole, "split"), this.#pathOf(whole));
    for (const { id, box } of sides) {
      labels.remove(box, id);
      this.#objects.delete(id);
      await Deno.remove(this.#pathOf(id));
    }
    const kept = object as AcceptedObject;
    labels.add(kept.box, prob.slice(), whole);
    this.#objects.set(whole, kept);
  }

  /** Writes what has changed: canvases, segmentations and the request. */
  save(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#enqueue(async () => {
      if (this.#unsaved.size === 0) return;
      const { request } = this.#options;
      const message = { ...request, segmentationOutputDir: join(this.folder, RESULTS) };
      for (const key of [...this.#unsaved]) {
        const corner = key.split(",").map(Number) as unknown as Zyx;
        this.#unsaved.delete(key);
        try {
          await this.#saveCanvas(corner, encodeInferenceRequest(message));
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

  async #saveCanvas(corner: Zyx, request: Uint8Array): Promise<void> {
    const { folder } = this, canvas = this.#canvasAt(corner)!;
    const base = await this.#options.baseLabels(canvas);
    const own = this.objects.filter((object) => `${object.corner}` === `${corner}`);
    await saveCanvas({ folder, canvas, request, base }, own, (id) => this.prob(id));
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
    return canvasWithCorner(this.#options.size, corner);
  }

  /** Objects of other canvases that an object is the continuation of. */
  async #continuedBy({ corner, box }: GrownObject, prob: Uint8Array): Promise<number[]> {
    const canvas = this.#canvasAt(corner)!;
    const inVolume = (corner: Zyx, { start, size }: Box) => ({
      start: addZyx(corner, start),
      size,
    });
    const found: number[] = [];
    for (const other of this.#objects.values()) {
      if (`${other.corner}` === `${corner}`) continue;
      if (intersect(inVolume(corner, box), inVolume(other.corner, other.box)) === null) continue;
      const place = { canvas: this.#canvasAt(other.corner)!, box: other.box };
      const otherProb = await this.prob(other.id);
      if (isContinued({ canvas, box, prob }, { ...place, prob: otherProb })) found.push(other.id);
    }
    return found;
  }

  /** Where an object is, or where one is that was split, from which undoing the split makes it again. */
  #pathOf(id: number, kind: "object" | "split" = "object"): string {
    return join(this.folder, "objects", `${id}.${kind}`);
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
