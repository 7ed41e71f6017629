/// <reference lib="dom" />
import type { Zyx } from "../../geometry/vectors.ts";
import { SparseLabels } from "../sparse_labels.ts";
import type { ShownVolume, ViewDescription } from "../view_description.ts";
import { ChunkSource } from "./chunk_source.ts";
import { element, onKey, onSlide, remark, say } from "./elements.ts";
import { FloodPanel } from "./flood_panel.ts";
import { clampZoom, type Gaze, Pane } from "./pane.ts";
import { projectionSize, projectObjects } from "./projection.ts";
import { describeVoxel } from "./slice_painter.ts";

/** Shortest time between two pictures of all objects, which take longer than sections. */
const PROJECTION_INTERVAL_MS = 250;
/** Pictures of what is still coming take at most one part in this many of the time. */
const PICTURE_SHARE = 5;
/** Parts of a first chunk that are darker than black and brighter than white. */
const PERCENTILES = [0.005, 0.995] as const;

/** All of the page: three sections, the objects in space, and the panel that grows them. */
export class ViewPage {
  readonly #view: ViewDescription;
  readonly #image: ChunkSource;
  readonly #labels: ChunkSource | null;
  readonly #panes: readonly Pane[];
  readonly #flood: FloodPanel | null;
  readonly #gaze: Gaze;
  readonly #nothing = new SparseLabels();
  #contrast: { low: number; high: number } | null = null;
  #opacity = 0.45;
  #isDrawing = false;
  /** Why chunks are missing, as it was said; null where none is. */
  #failure: string | null = null;
  #drawingMs = 0;
  #drawing: ReturnType<typeof setTimeout> | undefined;
  #projectingMs = 0;
  #projectedMs = -Infinity;
  #projecting: ReturnType<typeof setTimeout> | undefined;

  constructor(base: string, view: ViewDescription) {
    this.#view = view;
    const { size } = view.image;
    const middle: Zyx = [size[0] >> 1, size[1] >> 1, size[2] >> 1];
    this.#gaze = { position: middle, centre: middle, zoom: 1 };
    const chunksOf = (volume: ShownVolume) => {
      const source = ChunkSource.open(base, volume, () => {
        if (source.isIdle) this.#draw();
        else this.#drawSoon();
      });
      return source;
    };
    this.#image = chunksOf(view.image);
    this.#labels = view.labels && chunksOf(view.labels);
    const actions = {
      moveTo: (position: Zyx) => this.#moveTo(position),
      pan: (centre: Zyx) => {
        this.#gaze.centre = centre;
        this.#draw();
      },
      zoom: (factor: number) => {
        this.#zoomTo(this.#gaze.zoom * factor);
      },
      seed: (position: Zyx) => this.#flood?.grow(position),
    };
    const seen = { size, voxelSizeNm: view.voxelSizeNm };
    this.#panes = ["pane-z", "pane-y", "pane-x"].map((id, axis) =>
      new Pane(element<HTMLCanvasElement>(id), axis, seen, this.#gaze, actions)
    );
    // Whoever asks for the position gets the one of that moment.
    const host = {
      gaze: this.#gaze,
      get position() {
        return this.gaze.position;
      },
      visit: (position: Zyx) => this.#visit(position),
      redraw: () => {
        this.#drawSoon();
        this.#project();
      },
    };
    this.#flood = view.flood && new FloodPanel(base, view.flood, host);
  }

  /** Shows the middle of the volume. */
  start(): void {
    const { title, flood, image } = this.#view;
    document.title = `${title} - ffn view`;
    document.querySelector("h1")!.textContent = title;
    const { clientWidth, clientHeight } = this.#panes[0].canvas;
    const fit = Math.min(clientWidth, clientHeight) / Math.max(...image.size);
    // Of large volumes only a part, which is there at once.
    this.#zoomTo(Math.max(1, fit));
    addEventListener("resize", () => this.#draw());
    const redraw = () => this.#draw();
    onSlide("opacity", (value) => {
      this.#opacity = value;
      redraw();
    }).valueAsNumber = this.#opacity;
    element("projection").addEventListener("change", () => this.#project());
    onKey("c", () => this.#visit(this.#gaze.position));
    if (flood === null) remark("No request was given: objects cannot be grown here");
    say(`${title}: ${image.size.join(" × ")} voxels (z × y × x)`);
    this.#draw();
    this.#project();
    this.#flood?.start().catch((error: Error) => say(error.message));
  }

  #zoomTo(zoom: number): void {
    const volumes = [this.#image, ...this.#labels === null ? [] : [this.#labels]];
    this.#gaze.zoom = clampZoom(zoom, volumes);
    this.#draw();
  }

  #moveTo(position: Zyx): void {
    this.#gaze.position = position;
    this.#draw();
  }

  #visit(position: Zyx): void {
    this.#gaze.position = this.#gaze.centre = position;
    this.#draw();
  }

  /** Draws when the last picture was a while ago: the network, or the server, needs the processor too. */
  #drawSoon(): void {
    this.#drawing ??= setTimeout(() => {
      this.#drawing = undefined;
      this.#draw();
    }, PICTURE_SHARE * this.#drawingMs);
  }

  /** Draws with the next frame, once however often it is asked for. */
  #draw(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const startedMs = performance.now();
    this.#image.forgetWishes();
    this.#labels?.forgetWishes();
    this.#contrast ??= this.#measureContrast();
    const { low, high } = this.#contrast ?? { low: 0, high: 255 };
    const contents = {
      ...{ image: this.#image, labels: this.#labels, low, high, opacity: this.#opacity },
      accepted: this.#flood?.accepted ?? this.#nothing,
      roots: this.#flood?.roots ?? new Map(),
      growing: this.#flood?.growing ?? null,
      threshold: this.#flood?.threshold ?? 255,
      showsUncertainty: this.#flood?.showsUncertainty ?? false,
    };
    const marks = this.#flood?.marks ?? [];
    const isComplete = this.#panes.map((pane) => pane.draw(contents, marks)).every(Boolean);
    this.#drawingMs = performance.now() - startedMs;
    const { dataset } = document.documentElement;
    dataset.position = this.#gaze.position.join();
    dataset.centre = this.#gaze.centre.join();
    dataset.zoom = String(this.#gaze.zoom);
    dataset.frames = String(Number(dataset.frames ?? 0) + 1);
    this.#sayFailure();
    element("place").textContent = describeVoxel(contents, this.#gaze.position) +
      (isComplete || this.#failure !== null ? "" : "; loading");
    if (isComplete && dataset.picture === undefined) {
      dataset.picture = String(performance.timeOrigin + performance.now());
    }
  }

  /** Says why chunks are missing, and that they came, once each. */
  #sayFailure(): void {
    const failure = this.#image.failure ?? this.#labels?.failure ?? null;
    if (failure === this.#failure) return;
    this.#failure = failure;
    say(failure ?? "What could not be had is there now");
  }

  /** Black and white from the chunk in the middle; null while it is not there. */
  #measureContrast(): { low: number; high: number } | null {
    const chunk = this.#image.at(...this.#gaze.position);
    if (chunk === null) return null;
    const values = Float64Array.from<number | bigint>(chunk.data, Number).sort();
    const [low, high] = PERCENTILES.map((share) => values[Math.floor(share * (values.length - 1))]);
    const contrast = { low, high: Math.max(high, low + 1e-6) };
    const isBytes = this.#view.image.dtype === "uint8";
    const [least, most] = isBytes ? [0, 255] : [values[0], values[values.length - 1]];
    for (const name of ["low", "high"] as const) {
      const input = onSlide(name, (value) => {
        contrast[name] = value;
        this.#draw();
      });
      input.min = String(least);
      input.max = String(most);
      input.step = isBytes ? "1" : "any";
      input.valueAsNumber = contrast[name];
    }
    return contrast;
  }

  /** Pictures all objects, at once or when the last picture is old enough. */
  #project(): void {
    clearTimeout(this.#projecting);
    const startedMs = performance.now();
    const interval = Math.max(PROJECTION_INTERVAL_MS, PICTURE_SHARE * this.#projectingMs);
    const wait = this.#projectedMs + interval - startedMs;
    if (wait > 0) {
      this.#projecting = setTimeout(() => this.#project(), wait);
      return;
    }
    const axis = Number(element<HTMLSelectElement>("projection").value);
    const projection = projectObjects(
      this.#flood?.accepted ?? this.#nothing,
      this.#flood?.roots ?? new Map(),
      this.#flood?.growing ?? null,
      this.#view.image.size,
      axis,
      this.#flood?.threshold ?? 255,
    );
    const { height, width, pixels } = projection;
    const picture = new OffscreenCanvas(width, height);
    const image = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
    picture.getContext("2d")!.putImageData(image, 0, 0);
    const canvas = element<HTMLCanvasElement>("solid");
    [canvas.height, canvas.width] = projectionSize(projection, axis, this.#view.voxelSizeNm);
    const context = canvas.getContext("2d")!;
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    this.#projectedMs = performance.now();
    this.#projectingMs = this.#projectedMs - startedMs;
  }
}
