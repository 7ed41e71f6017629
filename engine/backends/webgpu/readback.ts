/**
 * Reading GPU memory without the 10 ms that an awaited map costs on Deno.
 *
 * On Deno 2.9 `mapAsync` waits for the device inside the call and only its promise sleeps 10 ms afterwards, so the bytes
 * are there when it returns and `getMappedRange` may be called at once: 0.07 ms instead of 11.6 ms. That rests on an
 * implementation detail, so it is tried with a known value when the device is opened; where it fails every read awaits.
 * Rules it obeys: a staging buffer must have been mapped with `await` once (otherwise `getMappedRange` aborts the
 * process); promises of un-awaited maps are caught; the event loop gets a turn every 256 reads so that they settle;
 * `mapState` is wrong afterwards and never used.
 */
import type { Device } from "./device.ts";

/** Reads between two turns of the event loop. */
const READS_PER_TURN = 256;

/** How this device is read: "immediate" as described above, "awaited" as the standard says. */
export type ReadMode = "immediate" | "awaited";

/** A staging buffer of a fixed size, ready to be copied into and read. */
export class Staging {
  readonly #device: Device;
  readonly #buffer: GPUBuffer;
  readonly #mode: () => ReadMode;
  readonly sizeBytes: number;

  /** Use `Readback.staging`, which maps the buffer once. */
  constructor(device: Device, buffer: GPUBuffer, mode: () => ReadMode) {
    this.#device = device;
    this.#buffer = buffer;
    this.#mode = mode;
    this.sizeBytes = buffer.size;
  }

  /** Records a copy of `sizeBytes` (a multiple of 4) of `source` from `offset` into this buffer at `at`. */
  copyFrom(
    encoder: GPUCommandEncoder,
    source: GPUBuffer,
    offset = 0,
    sizeBytes = this.sizeBytes,
    at = 0,
  ): void {
    encoder.copyBufferToBuffer(source, offset, this.#buffer, at, sizeBytes);
  }

  /**
   * Waits for everything submitted so far and returns the first `sizeBytes` bytes. In immediate mode the wait is inside
   * the call and blocks the thread; use from a worker where a heartbeat must go on.
   *
   * @throws {Error} what failed on the device, when something did.
   */
  read(sizeBytes = this.sizeBytes): ArrayBuffer | Promise<ArrayBuffer> {
    this.#device.failure.check();
    return this.#mode() === "immediate" ? this.#readNow(sizeBytes) : this.#readAwaited(sizeBytes);
  }

  #readNow(sizeBytes: number): ArrayBuffer | Promise<never> {
    this.#buffer.mapAsync(GPUMapMode.READ, 0, sizeBytes).catch(() => {});
    try {
      const bytes = this.#buffer.getMappedRange(0, sizeBytes).slice(0);
      this.#buffer.unmap();
      return bytes;
    } catch (error) {
      return this.#device.failure.explain(error);
    }
  }

  async #readAwaited(sizeBytes: number): Promise<ArrayBuffer> {
    const { failure } = this.#device;
    await failure.guard(this.#buffer.mapAsync(GPUMapMode.READ, 0, sizeBytes));
    try {
      const bytes = this.#buffer.getMappedRange(0, sizeBytes).slice(0);
      this.#buffer.unmap();
      return bytes;
    } catch (error) {
      return await failure.explain(error);
    }
  }

  dispose(): void {
    this.#buffer.destroy();
  }
}

/** Makes staging buffers and knows how this device may be read. */
export class Readback implements Disposable {
  readonly #device: Device;
  readonly #shared = new Map<number, Staging>();
  #mode: ReadMode = "awaited";
  #reads = 0;

  private constructor(device: Device) {
    this.#device = device;
  }

  /**
   * Prepares reading and finds out how.
   *
   * @param wish "awaited" skips the trial; for tests.
   */
  static async open(device: Device, wish: ReadMode = "immediate"): Promise<Readback> {
    const readback = new Readback(device);
    if (wish === "immediate" && await readback.#immediateWorks()) readback.#mode = "immediate";
    return readback;
  }

  get mode(): ReadMode {
    return this.#mode;
  }

  /** A staging buffer of `sizeBytes` (rounded up to a multiple of 4). */
  async staging(sizeBytes: number, label: string): Promise<Staging> {
    const size = Math.ceil(sizeBytes / 4) * 4;
    const buffer = this.#device.gpu.createBuffer({
      label: `${label} (staging)`,
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    await this.#device.failure.guard(buffer.mapAsync(GPUMapMode.READ));
    buffer.unmap();
    return new Staging(this.#device, buffer, () => this.#mode);
  }

  /** Copies `sizeBytes` (a multiple of 4) of a buffer out; waits for everything submitted before. */
  async read(source: GPUBuffer, sizeBytes = source.size, offset = 0): Promise<ArrayBuffer> {
    const size = stagingSize(sizeBytes);
    let staging = this.#shared.get(size);
    if (staging) this.#shared.delete(size);
    else staging = await this.staging(size, "read");
    this.#device.submit(`read of "${source.label}"`, (encoder) => {
      staging.copyFrom(encoder, source, offset, sizeBytes);
    });
    const bytes = await staging.read(sizeBytes);
    if (this.#shared.has(size)) staging.dispose();
    else this.#shared.set(size, staging);
    await this.turn();
    return bytes;
  }

  /** Lets the event loop run now and then; call it once per read. */
  async turn(): Promise<void> {
    if (++this.#reads % READS_PER_TURN !== 0) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#device.failure.check();
  }

  [Symbol.dispose](): void {
    for (const staging of this.#shared.values()) staging.dispose();
    this.#shared.clear();
  }

  /** Reads two known values through one staging buffer, the second of them un-awaited over the first. */
  async #immediateWorks(): Promise<boolean> {
    const source = this.#device.gpu.createBuffer({
      label: "read-back check",
      size: 256,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    const staging = await this.staging(256, "read-back check");
    try {
      for (const salt of [0x12345678, 0x0badcafe]) {
        const known = Uint32Array.from({ length: 64 }, (_, i) => Math.imul(i + 1, salt));
        this.#device.gpu.queue.writeBuffer(source, 0, known);
        this.#device.submit("read-back check", (encoder) => staging.copyFrom(encoder, source));
        this.#mode = "immediate";
        const seen = new Uint32Array(await staging.read());
        if (!known.every((v, i) => v === seen[i])) return false;
      }
      return true;
    } catch {
      this.#device.failure.check();
      return false;
    } finally {
      this.#mode = "awaited";
      // The promise of the last un-awaited map settles before its buffer goes away.
      await new Promise((resolve) => setTimeout(resolve, 12));
      staging.dispose();
      source.destroy();
    }
  }
}

/** Next power of two from 256 bytes, so that few staging buffers serve many sizes; large reads get their own size. */
function stagingSize(sizeBytes: number): number {
  if (sizeBytes > 1 << 24) return sizeBytes;
  return Math.max(256, 2 ** Math.ceil(Math.log2(sizeBytes)));
}
