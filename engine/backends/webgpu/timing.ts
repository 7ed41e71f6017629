import type { Device } from "./device.ts";
import type { Readback } from "./readback.ts";

/** Times of passes on the device's own clock, where it has one (`timestamp-query`). */
export class PassTimer implements Disposable {
  readonly #queries: GPUQuerySet;
  readonly #buffer: GPUBuffer;
  readonly #passes: number;

  private constructor(queries: GPUQuerySet, buffer: GPUBuffer, passes: number) {
    this.#queries = queries;
    this.#buffer = buffer;
    this.#passes = passes;
  }

  /** A timer for up to `passes` passes of one submission; null on devices without timestamps. */
  static open(device: Device, passes: number): PassTimer | null {
    if (!device.features.has("timestamp-query")) return null;
    const queries = device.gpu.createQuerySet({
      label: "pass times",
      type: "timestamp",
      count: 2 * passes,
    });
    const buffer = device.createBuffer({
      label: "pass times",
      size: 16 * passes,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    return new PassTimer(queries, buffer, passes);
  }

  /** What the descriptor of pass `index` must hold. */
  writes(index: number): GPUComputePassTimestampWrites {
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: 2 * index,
      endOfPassWriteIndex: 2 * index + 1,
    };
  }

  /** Records that the times are to be kept; after the passes, in the same submission. */
  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#passes, this.#buffer, 0);
  }

  /** Milliseconds of each pass of the last submission. */
  async read(readback: Readback): Promise<number[]> {
    const ticks = new BigUint64Array(await readback.read(this.#buffer));
    return Array.from(
      { length: this.#passes },
      (_, i) => Number(ticks[2 * i + 1] - ticks[2 * i]) / 1e6,
    );
  }

  [Symbol.dispose](): void {
    this.#queries.destroy();
    this.#buffer.destroy();
  }
}
