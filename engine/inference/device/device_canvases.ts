import type { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import { OutOfMemoryError } from "../../backends/webgpu/failure.ts";
import { volumeOf, type Zyx } from "../../geometry/vectors.ts";
import type { Canvas, FovModel } from "../canvas.ts";
import { type CanvasInput, checkCanvas } from "../canvas_input.ts";
import { HostCanvas } from "../host_canvas.ts";
import { DeviceCanvas } from "./device_canvas.ts";
import type { DeviceFlood } from "./device_flood.ts";
import type { DevicePredictor } from "./device_predictor.ts";
import { describeSlabs, planLayout } from "./flood_layout.ts";
import { openFlood, reasonForHost } from "./open_flood.ts";
import { ResidentCanvas } from "./resident_canvas.ts";

/** What the canvases of a run have in common. */
export interface DeviceCanvasesSettings {
  readonly backend: WebGpuBackend;
  readonly model: FovModel;
  /** Canvases that flood at once, at most. */
  readonly batchSize: number;
  /** Puts the network on the device for that many fields of view at once; the canvases dispose of it. */
  readonly openPredictor: (batchSize: number) => Promise<DevicePredictor>;
  /** Drive each canvas from the host, one at a time; the device drives them unless set. */
  readonly resident?: boolean;
  /** Told once why canvases stay on the host, why they are cut, or why fewer of them flood at once. */
  readonly print?: (line: string) => void;
}

/** A flood and its canvases that are free. */
interface Pool {
  readonly flood: DeviceFlood;
  readonly free: number[];
  /** Those who wait for a slot, in order. */
  readonly waiting: ((slot: number) => void)[];
}

/**
 * Makes canvases that flood on a device where that is possible, and on the host, with the network on the device, where it
 * is not. A canvas keeps its slot until it is disposed of; more canvases than slots wait their turn.
 */
export class DeviceCanvases implements Disposable {
  readonly #settings: DeviceCanvasesSettings;
  readonly #pools: { key: string; canvasSize: Zyx; pool: Promise<Pool | null> }[] = [];
  /** Networks by the fields of view that they predict at once. */
  readonly #predictors = new Map<number, DevicePredictor>();
  readonly #said = new Set<string>();
  /** Settles when the last flood is open: one at a time, so that memory that one gives up is there for the next. */
  #opening: Promise<unknown> = Promise.resolve();

  constructor(settings: DeviceCanvasesSettings) {
    this.#settings = settings;
  }

  /** Makes a canvas; the `createCanvas` of a `Runner`. */
  async create(input: CanvasInput): Promise<Canvas> {
    checkCanvas(input);
    const reason = this.#reasonForHost(input);
    if (reason === null) {
      const pool = await this.#poolOf(input);
      if (pool) return await this.#takeSlot(pool, input);
    } else {
      this.#say(`flooding on the host: ${reason}`);
    }
    return new HostCanvas(input);
  }

  [Symbol.dispose](): void {
    for (const { pool } of this.#pools) pool.then((p) => p?.flood.dispose(), () => {});
    this.#pools.length = 0;
    for (const predictor of this.#predictors.values()) predictor.dispose();
    this.#predictors.clear();
  }

  #reasonForHost(input: CanvasInput): string | null {
    const { backend, model } = this.#settings;
    if (input.halt) return "a halting rule looks at every prediction";
    if (input.resetSeedPerSegment === false) return "objects share one object map";
    return reasonForHost(backend, model, input.options, input.size);
  }

  /** Canvases with the same options share a flood, as far as they fit into it. */
  #poolOf(input: CanvasInput): Promise<Pool | null> {
    const { options, movementPolicy, keepHistory, size } = input;
    const key = JSON.stringify([options, movementPolicy, keepHistory]);
    const known = this.#pools.find((p) =>
      p.key === key && size.every((n, axis) => n <= p.canvasSize[axis])
    );
    if (known) return known.pool;
    const pool = this.#opening.then(() => this.#openPool(input));
    this.#opening = pool.catch(() => {});
    this.#pools.push({ key, canvasSize: size, pool });
    return pool;
  }

  /** Opens a flood of as many canvases as there is memory for; null when there is none even for one. */
  async #openPool(input: CanvasInput): Promise<Pool | null> {
    const { backend, resident } = this.#settings;
    const batchSize = resident ? 1 : this.#settings.batchSize;
    const layout = planLayout(backend.device, volumeOf(input.size), batchSize)!;
    const slabs = describeSlabs(layout);
    if (slabs) this.#say(slabs);
    for (let { slots } = layout; slots >= 1; slots >>= 1) {
      const flood = await this.#tryFlood(input, slots);
      if (!flood) continue;
      if (slots < batchSize) {
        const reason = slots < layout.slots
          ? "the GPU has no memory for more"
          : "more do not fit one binding";
        this.#say(`flooding ${slots} of ${batchSize} canvases at once: ${reason}`);
      }
      return { flood, free: Array.from({ length: slots }, (_, slot) => slot), waiting: [] };
    }
    this.#say(
      `flooding on the host: the GPU has no memory for a canvas of (${
        input.size.join(", ")
      }) (zyx)`,
    );
    return null;
  }

  /** A flood of `slots` canvases with a network for as many fields of view; null where there is no memory for both. */
  async #tryFlood(input: CanvasInput, slots: number): Promise<DeviceFlood | null> {
    const { options, movementPolicy, keepHistory, size: canvasSize } = input;
    const { backend, openPredictor } = this.#settings;
    const known = this.#predictors.get(slots);
    let predictor = known;
    try {
      predictor ??= await openPredictor(slots);
      const settings = { predictor, options, movementPolicy, keepHistory, canvasSize, slots };
      const flood = await openFlood(backend, settings);
      this.#predictors.set(slots, predictor);
      return flood;
    } catch (error) {
      if (!known) predictor?.dispose();
      if (error instanceof OutOfMemoryError) return null;
      throw error;
    }
  }

  async #takeSlot(pool: Pool, input: CanvasInput): Promise<Canvas> {
    const slot = pool.free.shift() ?? await new Promise<number>((take) => pool.waiting.push(take));
    const release = () => {
      const next = pool.waiting.shift();
      if (next) next(slot);
      else pool.free.push(slot);
    };
    if (this.#settings.resident) return await ResidentCanvas.open(pool.flood, input, release);
    return new DeviceCanvas(pool.flood, slot, { ...input, release });
  }

  #say(line: string): void {
    if (this.#said.has(line)) return;
    this.#said.add(line);
    this.#settings.print?.(line);
  }
}
