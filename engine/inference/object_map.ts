import { floorDivZyx, mapZyx, minZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { FovPredictor, ResidentPredictor } from "./canvas.ts";
import type { CanvasThresholds } from "./canvas_options.ts";
import type { Counters } from "./counters.ts";
import * as fov from "./fov_window.ts";
import { expit32, logit32 } from "./logit.ts";

/** Predictions per position at most, when they are repeated until they agree. */
const MAX_CONSISTENT_PREDICTIONS = 32;
/** A voxel this probable that falls below 0.5 counts as deleted. */
const PRESENT = logit32(0.8);

/** One field of view, as a halting rule sees it. */
export interface FovVisit {
  /** Centre of the field of view. */
  readonly position: Zyx;
  /** Seed of the object. */
  readonly start: Zyx;
  /** `[z, y, x]` of the model's `imageSize`. */
  readonly image: Float32Array;
  /** Predicted object map `[z, y, x]` of `predSize`. */
  readonly logits: Float32Array;
}

/** Whether a prediction must not be used (self-prediction): the object map is set to the pad value instead. */
export type HaltRule = (visit: FovVisit) => boolean;

/** What an object map is made of. */
export interface ObjectMapParts {
  /** Normalised image `[z, y, x]` of `size`. */
  readonly image: Float32Array;
  readonly size: Zyx;
  readonly predictor: FovPredictor;
  readonly thresholds: CanvasThresholds;
  readonly counters: Counters;
  readonly halt?: HaltRule;
  /** Whether `update` counts deleted voxels. */
  readonly countDeleted: boolean;
}

/** The object that is growing: its logits over the whole canvas, and the one operation that changes them. */
export class ObjectMap {
  /** Logits `[z, y, x]`; NaN where never predicted. */
  readonly seed: Float32Array;
  /** Voxels that the last update deleted, where that is counted; null where the rule that needs it is off. */
  deleted: number | null = null;
  readonly #parts: ObjectMapParts;
  readonly #margin: Zyx;
  /** Lower corners of the seed window and, inside it, of the predicted one, relative to the centre. */
  readonly #seedCorner: Zyx;
  readonly #predCorner: Zyx;
  readonly #fovImage: Float32Array;
  readonly #fovSeed: Float32Array;
  readonly #logits: Float32Array;
  /** Box that holds every voxel that is not NaN; `end` exclusive. */
  #touchedStart: Zyx = [0, 0, 0];
  #touchedEnd: Zyx = [0, 0, 0];
  #predictedMs: number | null = null;

  constructor(parts: ObjectMapParts) {
    const { imageSize, seedSize, predSize } = parts.predictor.model;
    this.#parts = parts;
    this.seed = new Float32Array(volumeOf(parts.size)).fill(NaN);
    this.#margin = floorDivZyx(imageSize, 2);
    this.#seedCorner = floorDivZyx(seedSize, 2);
    this.#predCorner = subZyx(this.#seedCorner, floorDivZyx(subZyx(seedSize, predSize), 2));
    this.#fovImage = new Float32Array(volumeOf(imageSize));
    this.#fovSeed = new Float32Array(volumeOf(seedSize));
    this.#logits = new Float32Array(volumeOf(predSize));
  }

  /** Logit of a voxel; NaN where never predicted. */
  at(position: Zyx): number {
    return this.seed[this.#index(position)];
  }

  /** Forgets the last object and sets the seed voxel of a new one. */
  begin(start: Zyx): void {
    // Only what was written: the whole canvas may be a thousand times larger than the object.
    fov.fillBox(this.seed, this.#parts.size, this.#touchedStart, this.#touchedEnd, NaN);
    this.seed[this.#index(start)] = this.#parts.thresholds.init;
    const { predictor } = this.#parts;
    if (isResident(predictor)) {
      const size = subZyx(this.#touchedEnd, this.#touchedStart);
      predictor.begin(start, { start: this.#touchedStart, size });
    }
    this.#touchedStart = start;
    this.#touchedEnd = mapZyx((p) => p + 1, start);
  }

  /** Takes over a saved map `[z, y, x]`. */
  load(seed: Float32Array): void {
    this.seed.set(seed);
    const { predictor } = this.#parts;
    if (isResident(predictor)) predictor.load(seed);
    this.#touchedStart = [0, 0, 0];
    this.#touchedEnd = this.#parts.size;
  }

  /**
   * Predicts the field of view at `position`, which lies inside the canvas, and writes it into the map.
   *
   * @returns Logits `[z, y, x]` of the model's `predSize`, as written; valid until the next update.
   */
  async update(position: Zyx, start: Zyx): Promise<Float32Array> {
    const { thresholds, size, predictor, halt, counters } = this.#parts;
    const { predSize } = predictor.model;
    const startedMs = performance.now();
    await this.#predict(position);
    const logits = this.#logits;
    if (halt?.({ position, start, image: this.#fovImage, logits })) {
      counters.increment("halts");
      logits.fill(thresholds.pad);
    }
    const strong = fov.countAtLeast(logits, thresholds.move);
    if (Number.isNaN(strong)) {
      throw new RangeError(
        `Cannot continue the object at (${
          start.join(", ")
        }): the network gave a logit that is not finite at position (${
          position.join(", ")
        }) (zyx); check image_mean, image_stddev and the checkpoint`,
      );
    }
    const corner = subZyx(position, this.#predCorner);
    if (thresholds.disco < 0) {
      this.deleted = null;
      fov.writeObjectMap(this.seed, size, corner, predSize, logits);
    } else {
      this.deleted = this.#parts.countDeleted
        ? fov.countDeleted(this.seed, size, corner, predSize, logits, PRESENT)
        : null;
      const write = strong / logits.length > thresholds.disco
        ? fov.writeFrozenObjectMap
        : fov.writeObjectMap;
      write(this.seed, size, corner, predSize, logits);
    }
    this.#touchedStart = minZyx(this.#touchedStart, corner);
    this.#touchedEnd = mapZyx(
      (end, from, axis) => Math.max(end, from + predSize[axis]),
      this.#touchedEnd,
      corner,
    );
    counters.stop("update_at", startedMs);
    return logits;
  }

  /** Fills `#logits` for one position: one prediction, or several until they agree. */
  async #predict(position: Zyx): Promise<void> {
    const { thresholds, size, image, predictor } = this.#parts;
    const { imageSize, seedSize } = predictor.model;
    const startedMs = performance.now();
    if (isResident(predictor)) {
      return await this.#infer(startedMs, () => predictor.predictAt(position, this.#logits));
    }
    const predict = () => predictor.predict(this.#fovImage, this.#fovSeed, this.#logits);
    fov.readWindow(image, size, subZyx(position, this.#margin), imageSize, this.#fovImage);
    const corner = subZyx(position, this.#seedCorner);
    fov.readObjectMap(this.seed, size, corner, seedSize, thresholds.pad, this.#fovSeed);
    await this.#infer(startedMs, predict);
    if (!(thresholds.consistency > 0)) return;
    for (let n = 1; n < MAX_CONSISTENT_PREDICTIONS; n++) {
      if (meanChange(this.#fovSeed, this.#logits) < thresholds.consistency) return;
      this.#fovSeed.set(this.#logits);
      await this.#infer(performance.now(), predict);
    }
  }

  /** One run of the network; `startedMs` is when its inputs began to be made. */
  async #infer(startedMs: number, predict: () => Promise<void>): Promise<void> {
    const { counters } = this.#parts;
    const calledMs = performance.now();
    if (this.#predictedMs !== null) {
      counters.addMs("inference-not-predict-ms", calledMs - this.#predictedMs);
    }
    await predict();
    counters.stop("inference", calledMs);
    counters.stop("predict", startedMs);
    this.#predictedMs = performance.now();
  }

  #index(position: Zyx): number {
    const { size } = this.#parts;
    return (position[0] * size[1] + position[1]) * size[2] + position[2];
  }
}

function isResident(predictor: FovPredictor): predictor is ResidentPredictor {
  return "predictAt" in predictor;
}

/** Mean absolute difference of two object maps of equal size, as probabilities. */
function meanChange(before: Float32Array, after: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < before.length; i++) {
    sum += Math.abs(Math.fround(expit32(before[i]) - expit32(after[i])));
  }
  return sum / before.length;
}
