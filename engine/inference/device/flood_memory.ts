import type { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import { createBuffer } from "../../backends/webgpu/tensor.ts";
import {
  encodeConfig,
  type FloodCapacity,
  type FloodConfig,
} from "../../../kernels/flood/config.ts";
import { VOXEL_ARRAYS } from "../../../kernels/flood/slabs.ts";
import type { FloodBuffer } from "../../../kernels/flood/stages.ts";
import { STATE_WORDS } from "../../../kernels/flood/state.ts";
import type { FloodLayout } from "./flood_layout.ts";

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

/** A part of an array inside one buffer. */
interface Piece {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly from: number;
  readonly size: number;
}

/** The arrays of all canvases of a flood, canvas after canvas: one buffer per kind, several where it is cut into slabs. */
export class FloodMemory {
  readonly layout: FloodLayout;
  readonly config: FloodConfig;
  readonly #backend: WebGpuBackend;
  #capacity: FloodCapacity;
  readonly #buffers = new Map<CanvasBuffer, readonly GPUBuffer[]>();
  readonly #configBuffer: GPUBuffer;
  /** Grows whenever a buffer is replaced, so that bind groups are made anew. */
  generation = 0;

  constructor(
    backend: WebGpuBackend,
    layout: FloodLayout,
    config: FloodConfig,
    capacity: Omit<FloodCapacity, "voxels">,
  ) {
    this.#backend = backend;
    this.layout = layout;
    this.config = config;
    this.#capacity = { ...capacity, voxels: layout.voxels };
    for (const name of Object.keys(BYTES) as CanvasBuffer[]) {
      const sizes = this.#slabSizes(name);
      this.#buffers.set(name, sizes.map((bytes) => createBuffer(backend.device, bytes, name)));
    }
    const bytes = encodeConfig(config, this.#capacity);
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

  buffer(name: CanvasBuffer, slab = 0): GPUBuffer {
    return this.#buffers.get(name)![slab];
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
    for (const piece of this.#pieces(name, at, whole)) {
      queue.writeBuffer(piece.buffer, piece.offset, bytes, piece.from, piece.size);
    }
    if (whole === bytes.byteLength) return;
    const rest = new Uint8Array(4);
    rest.set(bytes.subarray(whole));
    const [{ buffer, offset: to }] = this.#pieces(name, at + whole, 4);
    queue.writeBuffer(buffer, to, rest);
  }

  /** Fills the first `count` words of the part of one canvas. */
  fill(name: CanvasBuffer, slot: number, word: number, count: number): void {
    const piece = new Uint32Array(Math.min(count, 1 << 20)).fill(word);
    for (let done = 0; done < count; done += piece.length) {
      this.write(name, slot, piece.subarray(0, count - done), 4 * done);
    }
  }

  /** Reads `sizeBytes` of the part of one canvas; waits for everything submitted. */
  async read(name: CanvasBuffer, slot: number, sizeBytes: number): Promise<ArrayBuffer> {
    const { readback } = this.#backend;
    const size = Math.ceil(sizeBytes / 4) * 4;
    const pieces = this.#pieces(name, slot * this.bytesOf(name), size);
    if (pieces.length === 1) return await readback.read(pieces[0].buffer, size, pieces[0].offset);
    const whole = new Uint8Array(size);
    for (const piece of pieces) {
      const bytes = await readback.read(piece.buffer, piece.size, piece.offset);
      whole.set(new Uint8Array(bytes), piece.from);
    }
    return whole.buffer;
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
    const { slots } = this.layout;
    const grown = (Object.keys(BYTES) as CanvasBuffer[])
      .filter((name) => BYTES[name](old) !== BYTES[name](next))
      .map((name) => {
        const [before, after] = [BYTES[name](old), BYTES[name](next)];
        const target = createBuffer(device, slots * after, name);
        return { name, before, after, source: this.buffer(name), target };
      });
    try {
      // Nothing is lost where there is no memory.
      await device.settleAllocations();
    } catch (error) {
      for (const { target } of grown) target.destroy();
      throw error;
    }
    device.submit("grow flood buffers", (encoder) => {
      for (const { name, before, after, source, target } of grown) {
        for (let slot = 0; slot < slots; slot++) {
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
        this.#buffers.set(name, [target]);
      }
    });
    for (const { source } of grown) source.destroy();
    this.#capacity = next;
    device.gpu.queue.writeBuffer(this.#configBuffer, 0, encodeConfig(this.config, next));
    this.generation++;
  }

  /** Bytes of each buffer of an array. */
  #slabSizes(name: CanvasBuffer): number[] {
    const { slots, slabs, slabWords } = this.layout;
    const bytes = slots * this.bytesOf(name);
    const isCut = (VOXEL_ARRAYS as readonly string[]).includes(name);
    if (!isCut || slabs === 1) return [bytes];
    return Array.from(
      { length: slabs },
      (_, k) => Math.min(4 * slabWords, bytes - 4 * slabWords * k),
    );
  }

  /** Where `size` bytes of an array from byte `at` on lie, buffer by buffer; `from` counts from `at`. */
  #pieces(name: CanvasBuffer, at: number, size: number): Piece[] {
    const buffers = this.#buffers.get(name)!;
    const slabBytes = buffers.length === 1 ? Infinity : 4 * this.layout.slabWords;
    const pieces: Piece[] = [];
    for (let from = 0; from < size;) {
      const offset = (at + from) % slabBytes;
      const length = Math.min(size - from, slabBytes - offset);
      pieces.push({
        buffer: buffers[Math.floor((at + from) / slabBytes)],
        offset,
        from,
        size: length,
      });
      from += length;
    }
    return pieces;
  }

  dispose(): void {
    for (const buffer of [...this.#buffers.values()].flat()) buffer.destroy();
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
