/// <reference lib="dom" />
import type { Zyx } from "../../geometry/vectors.ts";
import type { GrowingObject } from "./growing_object.ts";
import { type PaintedVolume, paintSlice, type SliceContents } from "./slice_painter.ts";
import type { Mark } from "./split_panel.ts";

/** Where all panes look; shared by them. */
export interface Gaze {
  /** The voxel under the cross-hair. */
  position: Zyx;
  /** The voxel in the middle of the panes. */
  centre: Zyx;
  /** Pixels of the screen per voxel along the axis with the smallest voxels. */
  zoom: number;
}

/** What somebody does in a pane. */
export interface PaneActions {
  moveTo(position: Zyx): void;
  pan(centre: Zyx): void;
  zoom(factor: number): void;
  seed(position: Zyx): void;
}

/** Pixels per voxel of the coarsest level. For a larger part of the volume the server would have to read very many chunks. */
const LEAST_ZOOM = 0.5;
const MOST_ZOOM = 32;
/** Farther than this a press and its release are a drag. */
const CLICK_PIXELS = 4;
/** Fields of view of the path, and marks, are drawn in sections this near to them, in voxels. */
const PATH_DEPTH = 8;

/** One of the three sections: draws it and turns what is done in it into actions. */
export class Pane {
  readonly axis: number;
  readonly canvas: HTMLCanvasElement;
  readonly #size: Zyx;
  /** Edge of a voxel along each axis, relative to the smallest. */
  readonly #aspect: Zyx;
  readonly #gaze: Gaze;
  readonly #actions: PaneActions;
  readonly #picture = document.createElement("canvas");

  constructor(
    canvas: HTMLCanvasElement,
    axis: number,
    { size, voxelSizeNm }: { size: Zyx; voxelSizeNm: Zyx },
    gaze: Gaze,
    actions: PaneActions,
  ) {
    this.canvas = canvas;
    this.axis = axis;
    this.#size = size;
    const least = Math.min(...voxelSizeNm);
    this.#aspect = [voxelSizeNm[0] / least, voxelSizeNm[1] / least, voxelSizeNm[2] / least];
    this.#gaze = gaze;
    this.#actions = actions;
    this.#listen();
  }

  /** Axes along rows and columns. */
  get #axes(): number[] {
    // Across x, columns are y and rows z; the others follow the same rule.
    return [0, 1, 2].filter((axis) => axis !== this.axis);
  }

  /** Draws the section; returns whether everything was there. */
  draw(contents: SliceContents, marks: readonly Mark[]): boolean {
    const { canvas } = this, { position, centre } = this.#gaze;
    const ratio = devicePixelRatio;
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const [rows, columns] = this.#axes;
    const [down, right] = this.#pixelsPerVoxel().map((n) => n * ratio);
    const steps = [down, right].map((pixels) => Math.max(1, Math.floor(1 / pixels)));
    const top = Math.floor(centre[rows] + 0.5 - height / 2 / down);
    const left = Math.floor(centre[columns] + 0.5 - width / 2 / right);
    const grid = {
      ...{ axis: this.axis, index: position[this.axis], top, left },
      steps: [steps[0], steps[1]] as const,
      height: Math.ceil(height / down / steps[0]) + 2,
      width: Math.ceil(width / right / steps[1]) + 2,
    };
    const image = new ImageData(grid.width, grid.height);
    const isComplete = paintSlice(contents, grid, new Uint32Array(image.data.buffer));
    this.#picture.width = grid.width;
    this.#picture.height = grid.height;
    this.#picture.getContext("2d")!.putImageData(image, 0, 0);
    const context = canvas.getContext("2d")!;
    context.imageSmoothingEnabled = false;
    const x = (voxel: number) => width / 2 + (voxel - centre[columns] - 0.5) * right;
    const y = (voxel: number) => height / 2 + (voxel - centre[rows] - 0.5) * down;
    context.fillStyle = "#303030";
    context.fillRect(0, 0, width, height);
    context.drawImage(
      ...[this.#picture, x(left), y(top)] as const,
      ...[grid.width * steps[1] * right, grid.height * steps[0] * down] as const,
    );
    if (contents.growing !== null) this.#drawPath(context, contents.growing, x, y, ratio);
    this.#drawMarks(context, marks, x, y, ratio);
    context.strokeStyle = "rgb(90 200 255 / 0.8)";
    context.lineWidth = ratio;
    context.beginPath();
    context.moveTo(x(position[columns] + 0.5), 0);
    context.lineTo(x(position[columns] + 0.5), height);
    context.moveTo(0, y(position[rows] + 0.5));
    context.lineTo(width, y(position[rows] + 0.5));
    context.stroke();
    return isComplete;
  }

  /** The centres of fields of view near this section; the seed is larger. */
  #drawPath(
    context: CanvasRenderingContext2D,
    { path, start }: GrowingObject,
    x: (voxel: number) => number,
    y: (voxel: number) => number,
    ratio: number,
  ): void {
    const [rows, columns] = this.#axes;
    const dot = (place: Zyx, radius: number) => {
      if (Math.abs(place[this.axis] - this.#gaze.position[this.axis]) > PATH_DEPTH) return;
      context.beginPath();
      context.arc(x(place[columns] + 0.5), y(place[rows] + 0.5), radius * ratio, 0, 7);
      context.fill();
      context.stroke();
    };
    context.fillStyle = "#fff";
    context.strokeStyle = "#000";
    context.lineWidth = ratio;
    for (const place of path) dot(place, 2);
    context.fillStyle = "#ff3df0";
    dot(start, 5);
  }

  /** The marks near this section, numbered by their side. */
  #drawMarks(
    context: CanvasRenderingContext2D,
    marks: readonly Mark[],
    x: (voxel: number) => number,
    y: (voxel: number) => number,
    ratio: number,
  ): void {
    const [rows, columns] = this.#axes;
    context.font = `bold ${12 * ratio}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const { position, side } of marks) {
      if (Math.abs(position[this.axis] - this.#gaze.position[this.axis]) > PATH_DEPTH) continue;
      const [across, along] = [x(position[columns] + 0.5), y(position[rows] + 0.5)];
      context.beginPath();
      context.arc(across, along, 9 * ratio, 0, 7);
      context.fillStyle = side === 0 ? "#ffe14d" : "#6fe3ff";
      context.fill();
      context.fillStyle = "#000";
      context.fillText(String(side + 1), across, along);
    }
  }

  #pixelsPerVoxel(): [down: number, right: number] {
    const [rows, columns] = this.#axes;
    return [this.#gaze.zoom * this.#aspect[rows], this.#gaze.zoom * this.#aspect[columns]];
  }

  /** The voxel under a place of the screen. */
  #voxelAt(event: MouseEvent): Zyx {
    const bounds = this.canvas.getBoundingClientRect();
    const [down, right] = this.#pixelsPerVoxel(), [rows, columns] = this.#axes;
    const { position, centre } = this.#gaze;
    const voxel = [...position] as [number, number, number];
    const away = (place: number, middle: number, scale: number) => (place - middle) / scale + 0.5;
    const { left, top, width, height } = bounds;
    voxel[columns] = Math.floor(centre[columns] + away(event.clientX, left + width / 2, right));
    voxel[rows] = Math.floor(centre[rows] + away(event.clientY, top + height / 2, down));
    return voxel;
  }

  #isInside(voxel: Zyx): boolean {
    return voxel.every((n, axis) => n >= 0 && n < this.#size[axis]);
  }

  #listen(): void {
    const { canvas } = this, gaze = this.#gaze, actions = this.#actions;
    let pressed: { x: number; y: number; centre: Zyx } | null = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      pressed = { x: event.clientX, y: event.clientY, centre: gaze.centre };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (pressed === null) return;
      const [across, along] = [event.clientX - pressed.x, event.clientY - pressed.y];
      if (Math.hypot(across, along) <= CLICK_PIXELS) return;
      const [down, right] = this.#pixelsPerVoxel(), [rows, columns] = this.#axes;
      const centre = [...pressed.centre] as [number, number, number];
      centre[columns] -= across / right;
      centre[rows] -= along / down;
      actions.pan(centre);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (pressed === null) return;
      const moved = Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y);
      pressed = null;
      const voxel = this.#voxelAt(event);
      if (moved > CLICK_PIXELS || !this.#isInside(voxel)) return;
      actions.moveTo(voxel);
      if (!event.shiftKey) actions.seed(voxel);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey) actions.zoom(Math.exp(-event.deltaY / 300));
      else this.#scroll(Math.sign(event.deltaY));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #onKey(event: KeyboardEvent): void {
    const [rows, columns] = this.#axes, far = event.shiftKey ? 10 : 1;
    const keys: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.#move(columns, -far),
      ArrowRight: () => this.#move(columns, far),
      ArrowUp: () => this.#move(rows, -far),
      ArrowDown: () => this.#move(rows, far),
      PageUp: () => this.#scroll(-far),
      PageDown: () => this.#scroll(far),
      Enter: () => this.#actions.seed(this.#gaze.position),
      "+": () => this.#actions.zoom(1.25),
      "=": () => this.#actions.zoom(1.25),
      "-": () => this.#actions.zoom(0.8),
    };
    if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  }

  #scroll(by: number): void {
    this.#move(this.axis, by);
  }

  #move(axis: number, by: number): void {
    const voxel = [...this.#gaze.position] as [number, number, number];
    voxel[axis] = Math.max(0, Math.min(this.#size[axis] - 1, voxel[axis] + by));
    this.#actions.moveTo(voxel);
  }
}

/** A zoom within what panes show: as far out as the coarsest levels of all volumes reach. */
export function clampZoom(zoom: number, volumes: readonly PaintedVolume[]): number {
  const coarsest = volumes.map(({ volume, coarser }) => coarser.at(-1)?.volume ?? volume);
  const factor = Math.min(...coarsest.map(({ factors }) => Math.max(...factors)));
  return Math.max(LEAST_ZOOM / factor, Math.min(MOST_ZOOM, zoom));
}
