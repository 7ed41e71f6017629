import type { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import { createBuffer } from "../../backends/webgpu/tensor.ts";
import {
  encodeConfig,
  type FloodCapacity,
  type FloodConfig,
} from "../../../kernels/flood/config.ts";
import type { FloodBuffer } from "../../../kernels/flood/stages.ts";
import { STATE_WORDS } from "../../../kernels/flood/state.ts";

/** Buffers that belong to the flood itself, not to its network. */
export type CanvasBuffer = Exclude<FloodBuffer, "fov_image" | "fov_seed" | "logits">;

/** Bytes of each buffer per canvas. */
const BYTES: Readonly<Record<CanvasBuffer, (c: FloodCapacity) => number>> = {
  states: () => 4 * STATE_WORDS,
  object_map: (c) => 4 * c.voxels,
  segmentation: (c) => 4 * c.voxels,
  blocked: (c) => 4 * Math.ceil(c.voxels / 16),
  image: (c) => 4 * c.voxels,
  queue: (c) => 4 * c.queue,
  done: (c) => 4 * Math.ceil(c.cells / 32),
  traces: (c) => 16 * c.traces,
  probs: (c) => 4 * Math.ceil(c.voxels / 4),
  seeds: (c) => 4 * c.seeds,
  objects: (c) => 32 * c.seeds,
  labels: (c) => 4 * c.labels,
  overlaps: (c) => 16 * c.overlaps,
};

/** Canvases whose arrays fit into one binding each, and no more than `wanted`. */
export function canvasesThatFit(voxels: number, wanted: number, maxBindingBytes: number): number {
  return Math.min(wanted, Math.floor(maxBindingBytes / (4 * voxels)));
}

/** The arrays of all canvases of a flood, one buffer per kind, canvas after canvas. */
export class FloodMemory {
  readonly slots: number;
  readonly config: FloodConfig;
  readonly #backend: WebGpuBackend;
  #capacity: FloodCapacity;
  readonly #buffers = new Map<CanvasBuffer, GPUBuffer>();
  readonly #configBuffer: GPUBuffer;
  /** Grows whenever a buffer is replaced, so that bind groups are made anew. */
  generation = 0;

  constructor(backend: WebGpuBackend, slots: number, config: FloodConfig, capacity: FloodCapacity) {
    this.#backend = backend;
    this.slots = slots;
    this.config = config;
    this.#capacity = capacity;
    for (const name of Object.keys(BYTES) as CanvasBuffer[]) {
      this.#buffers.set(name, createBuffer(backend.device, slots * this.bytesOf(name), name));
    }
    const bytes = encodeConfig(config, capacity);
    this.#configBuffer = backend.device.createBuffer({
      label: "flood config",
      size: bytes.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    backend.device.gpu.queue.writeBuffer(this.#configBuffer, 0, bytes);
  }

  get capacity(): FloodCapacity {
    return this.#capacity;
  }

  get configBuffer(): GPUBuffer {
    return this.#configBuffer;
  }

  buffer(name: CanvasBuffer): GPUBuffer {
    return this.#buffers.get(name)!;
  }

  /** Bytes of a buffer that one canvas has. */
  bytesOf(name: CanvasBuffer): number {
    return BYTES[name](this.#capacity);
  }

  /** Writes into the part of one canvas, from byte `offset` on. */
  write(name: CanvasBuffer, slot: number, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    const { queue } = this.#backend.device.gpu;
    const at = slot * this.bytesOf(name) + offset;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const whole = bytes.byteLength & ~3;
    if (whole > 0) queue.writeBuffer(this.buffer(name), at, bytes, 0, whole);
    if (whole === bytes.byteLength) return;
    const rest = new Uint8Array(4);
    rest.set(bytes.subarray(whole));
    queue.writeBuffer(this.buffer(name), at + whole, rest);
  }

  /** Fills the first `count` words of the part of one canvas. */
  fill(name: CanvasBuffer, slot: number, word: number, count: number): void {
    const piece = new Uint32Array(Math.min(count, 1 << 20)).fill(word);
    for (let done = 0; done < count; done += piece.length) {
      this.write(name, slot, piece.subarray(0, count - done), 4 * done);
    }
  }

  /** Reads `sizeBytes` of the part of one canvas; waits for everything submitted. */
  read(name: CanvasBuffer, slot: number, sizeBytes: number): Promise<ArrayBuffer> {
    const size = Math.ceil(sizeBytes / 4) * 4;
    return this.#backend.readback.read(this.buffer(name), size, slot * this.bytesOf(name));
  }

  /** Makes sure of room; between rounds only. The ring of positions does not grow here. */
  async reserve(wanted: Partial<Omit<FloodCapacity, "queue">>): Promise<void> {
    const short = Object.entries(wanted)
      .filter(([name, n]) => n > this.#capacity[name as keyof FloodCapacity]);
    if (short.length > 0) await this.grow(Object.fromEntries(short), []);
  }

  /** Gives buffers more room and keeps their contents; the ring of positions is laid out anew. */
  async grow(
    capacity: Partial<FloodCapacity>,
    ring: readonly (readonly [head: number, tail: number])[],
  ) {
    const old = this.#capacity;
    const next = { ...old, ...capacity };
    const { device } = this.#backend;
    const replaced: GPUBuffer[] = [];
    device.submit("grow flood buffers", (encoder) => {
      for (const name of Object.keys(BYTES) as CanvasBuffer[]) {
        const [before, after] = [BYTES[name](old), BYTES[name](next)];
        if (before === after) continue;
        const source = this.buffer(name);
        const target = createBuffer(device, this.slots * after, name);
        for (let slot = 0; slot < this.slots; slot++) {
          const copy = (from: number, to: number, bytes: number) =>
            encoder.copyBufferToBuffer(
              source,
              slot * before + from,
              target,
              slot * after + to,
              bytes,
            );
          if (name !== "queue") copy(0, 0, before);
          else copyRing(ring[slot], old.queue, next.queue, copy);
        }
        this.#buffers.set(name, target);
        replaced.push(source);
      }
    });
    await device.settleAllocations();
    for (const buffer of replaced) buffer.destroy();
    this.#capacity = next;
    device.gpu.queue.writeBuffer(this.#configBuffer, 0, encodeConfig(this.config, next));
    this.generation++;
  }

  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
    this.#configBuffer.destroy();
  }
}

/** Copies entries head ≤ v < tail from place v mod `old` to place v mod `next`, in runs that do not wrap in either. */
function copyRing(
  [head, tail]: readonly [number, number],
  old: number,
  next: number,
  copy: (from: number, to: number, bytes: number) => void,
): void {
  for (let v = head; v < tail;) {
    const run = Math.min(tail - v, old - v % old, next - v % next);
    copy(4 * (v % old), 4 * (v % next), 4 * run);
    v += run;
  }
}
