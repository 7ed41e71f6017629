import type { CanvasSnapshot } from "../canvas.ts";
import type { Counters } from "../counters.ts";
import type { ProgressReport, RunControl, SeenCanvas } from "../run_control.ts";

/** Time between two progress reports. */
const REPORT_INTERVAL_MS = 100;

/** The part of a canvas that `DevicePace` looks at. */
export interface DevicePacedCanvas extends SeenCanvas {
  readonly counters: Counters;
  snapshot(): Promise<CanvasSnapshot>;
  describe(): ProgressReport;
}

/** The moments between two rounds when a flood can be saved, watched and stopped. */
export class DevicePace {
  readonly #control: RunControl;
  readonly #canvas: DevicePacedCanvas;
  #savedMs = performance.now();
  #reportedMs = performance.now();

  constructor(control: RunControl, canvas: DevicePacedCanvas) {
    this.#control = control;
    this.#canvas = canvas;
  }

  /** @throws the reason of the signal when the run was asked to stop. */
  async pass(): Promise<void> {
    const { signal, checkpoint, progress } = this.#control;
    if (signal?.aborted) {
      await this.save();
      throw signal.reason;
    }
    const nowMs = performance.now();
    const intervalMs = checkpoint?.intervalMs ?? 0;
    if (intervalMs > 0 && nowMs - this.#savedMs >= intervalMs) await this.save();
    if (nowMs - this.#reportedMs >= REPORT_INTERVAL_MS) {
      this.#reportedMs = nowMs;
      progress?.report(this.#canvas.describe());
      await this.#control.look?.(this.#canvas);
    }
  }

  /** Saves now, where there is a place for it. */
  async save(): Promise<void> {
    const { checkpoint } = this.#control;
    if (!checkpoint) return;
    await this.#canvas.counters.time("save_checkpoint", async () => {
      await checkpoint.save(await this.#canvas.snapshot());
    });
    // Counted from the end of the save, so that slow disks do not turn a run into saving only.
    this.#savedMs = performance.now();
  }
}
