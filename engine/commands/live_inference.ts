import { encodePng } from "../formats/png.ts";
import type { TypedArray } from "../formats/nd_array.ts";
import { addZyx, mapZyx, type Zyx } from "../geometry/vectors.ts";
import type { ProgressReport } from "../inference/run_control.ts";
import type { SeenSubvolume } from "../inference/runner.ts";
import { paintFlood, tilePictures } from "../viewers/flood_picture.ts";
import type { LivePicture, LiveSource, LiveState } from "../viewers/live_server.ts";
import {
  arrayReader,
  middleOf,
  type OrthogonalPlanes,
  paintLabels,
  type Plane,
  readOrthogonalPlanes,
} from "../viewers/orthogonal_planes.ts";
import { duration, short } from "./progress.ts";

/** Pictures take at most one part in this many of the run's time, however many pages ask. */
const TIME_SHARE = 20;
/** A page that asks gets the last picture when no step ends within this time. */
const PATIENCE_MS = 3_000;
/** Most pixels of a plane along each edge: larger canvases are shown with gaps. */
const MOST_PIXELS = 400;
/** Smaller pictures than this are shown with larger pixels. */
const LEAST_PIXELS = 400;
const MOST_EVENTS = 30;
/** Of the object that grows; no canvas has so many. */
const GROWING_LABEL = 2 ** 31;

/** A run of `ffn run-inference` as its page sees it. */
export class LiveInference implements LiveSource {
  readonly #title: string;
  readonly #segment: number;
  readonly #now: () => number;
  readonly #startedMs: number;
  #firstMs = 0;
  readonly #events: string[] = [];
  #status = "Opening volumes and network";
  #first: ProgressReport | null = null;
  #last: ProgressReport | null = null;
  /** Where the planes of the picture are cut, in the canvas; stays while no object grows. */
  #centre: Zyx | null = null;
  #hasCanvas = false;
  #picture: Uint8Array<ArrayBuffer> | null = null;
  /** Somebody waits for a picture. */
  #wish: PromiseWithResolvers<void> | null = null;
  #nextMs = 0;
  #description = "Not painted yet";

  /**
   * @param segment Logit from which a voxel belongs to an object.
   * @param now Clock, in milliseconds.
   */
  constructor(title: string, segment: number, now: () => number = () => performance.now()) {
    this.#title = title;
    this.#segment = segment;
    this.#now = now;
    this.#startedMs = now();
  }

  /** Says what the run does now. */
  say(status: string): void {
    this.#status = status;
  }

  /** Takes a line about an object; that one begins is said by the figures. */
  log(line: string): void {
    if (line.startsWith("Starting")) return;
    this.#events.unshift(line);
    this.#events.length = Math.min(this.#events.length, MOST_EVENTS);
  }

  report(report: ProgressReport): void {
    if (this.#first === null) [this.#first, this.#firstMs] = [report, this.#now()];
    this.#last = report;
    this.#centre = report.current?.start ?? this.#centre;
  }

  /** Paints the canvas where a page has asked for it and it is time. */
  look(subvolume: SeenSubvolume): Promise<void> | undefined {
    this.#hasCanvas = true;
    if (this.#wish === null || this.#now() < this.#nextMs) return undefined;
    const startedMs = this.#now();
    // A run is not to end because somebody looks at it.
    return this.#paint(subvolume).catch((error: Error) => this.log(error.message)).finally(() => {
      this.#nextMs = this.#now() + TIME_SHARE * (this.#now() - startedMs);
      this.#wish?.resolve();
      this.#wish = null;
    });
  }

  state(): LiveState {
    const [first, last] = [this.#first, this.#last];
    const elapsedMs = this.#now() - this.#startedMs;
    const fraction = last?.seedsTotal ? last.seedsDone / last.seedsTotal : null;
    const done = (fraction ?? 0) - (first?.seedsTotal ? first.seedsDone / first.seedsTotal : 0);
    const watchedMs = Math.max(1, this.#now() - this.#firstMs);
    const perSecond = (count: number) => `${short(count / (watchedMs / 1000))} per second`;
    return {
      title: this.#title,
      status: this.#status,
      fraction,
      figures: [
        ["Time", duration(elapsedMs)],
        ...(last === null || first === null ? [] : [
          ["Left", done > 0 ? duration(watchedMs * (1 - fraction!) / done) : "not known yet"],
          ["Objects", `${last.objects}`],
          ["Voxels in objects", `${short(last.voxelsSegmented)} of ${short(last.canvasVoxels)}`],
          ["Seeds", `${last.seedsDone} of ${last.seedsTotal ?? "a list in the making"}`],
          ["FOV steps", `${last.steps}, ${perSecond(last.steps - first.steps)}`],
          ["Growing", last.current === null ? "nothing" : describeObject(last.current)],
        ] as const),
      ],
      pictures: this.#hasCanvas
        ? [{
          name: "slices",
          caption: "Labels over the image, and the growing object's probability",
          description: this.#description,
        }]
        : [],
      events: this.#events,
    };
  }

  async picture(name: string): Promise<LivePicture | null> {
    if (name !== "slices") return null;
    // Another page's picture will do.
    if (this.#now() >= this.#nextMs || this.#picture === null) {
      this.#wish ??= Promise.withResolvers();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, PATIENCE_MS);
      await Promise.race([this.#wish.promise, promise]);
      clearTimeout(timer);
    }
    return this.#picture && { type: "image/png", bytes: this.#picture };
  }

  async #paint({ box, image, canvas }: SeenSubvolume): Promise<void> {
    const { size } = canvas, centre = this.#centre ?? middleOf(size);
    const [{ segmentation }, logits] = [await canvas.result(), await canvas.objectMap()];
    const step = Math.ceil(Math.max(...size) / MOST_PIXELS);
    const cut = async (data: TypedArray) => {
      const whole = { start: [0, 0, 0] as const, size };
      return thinned(await readOrthogonalPlanes(arrayReader(data, size), whole, centre), step);
    };
    const flood = await cut(logits);
    const labels = withObject(await cut(segmentation), flood, this.#segment);
    const pictures = [
      paintLabels(await cut(image), labels),
      paintFlood(flood, mapZyx((c) => Math.floor(c / step), centre)),
    ];
    const scale = Math.max(1, Math.floor(LEAST_PIXELS / pictures[0].width));
    this.#picture = encodePng({ ...tilePictures(pictures, scale), channels: 3 });
    this.#description = `Sections across z, y and x through zyx (${
      addZyx(box.start, centre).join(", ")
    }): ${
      this.#last?.objects ?? 0
    } objects in colour over the image, beside it the probability of the one that grows`;
  }
}

function describeObject({ start, steps }: NonNullable<ProgressReport["current"]>): string {
  return `from zyx (${start.join(", ")}), ${steps} steps`;
}

/** Every `step`-th row and column. */
function thinned(planes: OrthogonalPlanes, step: number): OrthogonalPlanes {
  if (step === 1) return planes;
  const thin = ({ height, width, data }: Plane): Plane => {
    const [rows, columns] = [Math.ceil(height / step), Math.ceil(width / step)];
    return {
      ...{ height: rows, width: columns },
      data: Float64Array.from(
        { length: rows * columns },
        (_, i) => Number(data[Math.floor(i / columns) * step * width + i % columns * step]),
      ),
    };
  };
  return { yx: thin(planes.yx), zx: thin(planes.zx), zy: thin(planes.zy) };
}

/** The labels, and one more for the voxels of the object that is growing. */
function withObject(
  labels: OrthogonalPlanes,
  flood: OrthogonalPlanes,
  segment: number,
): OrthogonalPlanes {
  const add = (plane: Plane, { data: logits }: Plane): Plane => ({
    ...plane,
    data: Float64Array.from<number | bigint>(
      plane.data,
      (label, i) =>
        Number(label) <= 0 && Number(logits[i]) >= segment ? GROWING_LABEL : Number(label),
    ),
  });
  return {
    yx: add(labels.yx, flood.yx),
    zx: add(labels.zx, flood.zx),
    zy: add(labels.zy, flood.zy),
  };
}
