import { KernelError } from "../../errors/errors.ts";

/** Time in which a device tells that it was lost. */
const LOSS_MS = 50;

/**
 * The first thing that went wrong on a device. WebGPU reports errors beside the calls that caused them and turns later
 * work into nothing, so the first uncaptured error, like the loss of the device, ends all pending work.
 */
export class DeviceFailure {
  #error: Error | null = null;
  readonly #pending = new Set<(error: Error) => void>();

  /** What happened, or null while the device is healthy. */
  get error(): Error | null {
    return this.#error;
  }

  /** Records `error` unless there was one before, and rejects everything that is waiting. */
  report(error: Error): void {
    if (this.#error) return;
    this.#error = error;
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
  }

  /** Throws what happened to the device, if anything did. */
  check(): void {
    if (this.#error) throw this.#error;
  }

  /** Rejects with what happened to the device, or else with `error`: calls notice a loss before the device tells of it. */
  async explain(error: unknown): Promise<never> {
    if (!this.#error) await new Promise((resolve) => setTimeout(resolve, LOSS_MS));
    throw this.#error ?? error;
  }

  /** Settles with `promise`, or rejects as soon as the device fails. */
  async guard<T>(promise: Promise<T>): Promise<T> {
    this.check();
    let reject!: (error: Error) => void;
    const failed = new Promise<never>((_, r) => reject = r);
    this.#pending.add(reject);
    try {
      return await Promise.race([promise, failed]);
    } catch (error) {
      return await this.explain(error);
    } finally {
      this.#pending.delete(reject);
    }
  }
}

/** The device went away: destroyed, reset by its driver, or unplugged. Work goes on from the last canvas checkpoint on a new device. */
export class DeviceLostError extends Error {
  override readonly name = "DeviceLostError";
}

/** A buffer did not fit into the memory of the device; a smaller batch or canvas may. */
export class OutOfMemoryError extends Error {
  override readonly name = "OutOfMemoryError";
}

/**
 * Turns an error that WebGPU reported into a `KernelError`.
 *
 * @param doing Label of the pipeline or submission at hand; a label quoted in the message wins.
 */
export function kernelError(error: GPUError, doing: string): KernelError {
  const text = error.message.replace(/\s+/g, " ").trim();
  const label = /(?:label = |[Ss]hader |[Ll]abel )[`'"]([^`'"]+)[`'"]/.exec(text)?.[1] ?? doing;
  const line = /wgsl:(\d+):/.exec(text)?.[1];
  return new KernelError(`Cannot run "${label}" on the GPU: ${text}`, {
    label,
    line: line === undefined ? undefined : Number(line),
  });
}
