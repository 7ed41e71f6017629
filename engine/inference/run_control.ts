import type { Zyx } from "../geometry/vectors.ts";
import type { Canvas, CanvasSnapshot } from "./canvas.ts";
import type { Counters } from "./counters.ts";

/** Time between two progress reports. */
const REPORT_INTERVAL_MS = 100;
/** Time after which signals and timers get their turn; long enough to cost nothing, short enough to feel immediate. */
const YIELD_INTERVAL_MS = 100;

/** How far a canvas has come, what an interrupted run had done included. */
export interface ProgressReport {
  /** Fields of view predicted. */
  readonly steps: number;
  /** Voxels given to objects. */
  readonly voxelsSegmented: number;
  /** Voxels of the subvolume. */
  readonly canvasVoxels: number;
  /** Objects accepted. */
  readonly objects: number;
  /** Seeds that were tried or skipped. */
  readonly seedsDone: number;
  /** Null until the seed policy has made its list. */
  readonly seedsTotal: number | null;
  /** The object that is growing; null between objects. */
  readonly current: { readonly start: Zyx; readonly steps: number } | null;
}

/** Told how a run goes, a few times per second; rates and remaining time follow from the clock of whoever is told. */
export interface Progress {
  /** Takes one report; must not throw. */
  report(report: ProgressReport): void;
}

/** The part of a canvas that whoever watches a run may look at; arrays are the canvas's own where it lies on the host. */
export type SeenCanvas = Pick<Canvas, "size" | "result" | "objectMap">;

/** How a run is watched, saved and stopped. */
export interface RunControl {
  /** Aborting saves a checkpoint (where there is a place for it), then ends the run with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where and how often to save; a run without it cannot be resumed. */
  readonly checkpoint?: {
    /** Time between two saves; 0 or less saves only when the run is stopped. */
    readonly intervalMs: number;
    save(snapshot: CanvasSnapshot): Promise<void>;
  };
  /** Told how the run goes. */
  readonly progress?: Progress;
  /** Asked between steps, a few times per second, whether somebody wants to look; the run waits until that is done. */
  look?(canvas: SeenCanvas): Promise<void> | undefined;
  /** Takes a line about each object: begun, created, or why it was dropped. */
  log?(line: string): void;
  /** Called after every field of view with its position and the number predicted for the object so far. */
  onStep?(position: Zyx, steps: number): void;
}

/** The part of a canvas that `Pace` looks at. */
export interface PacedCanvas extends SeenCanvas {
  readonly counters: Counters;
  snapshot(): CanvasSnapshot;
  describe(): ProgressReport;
}

/** The moments between two steps when a run can be saved, watched and stopped. */
export class Pace {
  readonly #control: RunControl;
  readonly #canvas: PacedCanvas;
  #savedMs = performance.now();
  #reportedMs = performance.now();
  #yieldedMs = performance.now();

  constructor(control: RunControl, canvas: PacedCanvas) {
    this.#control = control;
    this.#canvas = canvas;
  }

  log(line: string): void {
    this.#control.log?.(line);
  }

  /** Announces a field of view. */
  step(position: Zyx, steps: number): void {
    this.#control.onStep?.(position, steps);
  }

  /**
   * Saves, reports and lets other work run where it is time to.
   *
   * @throws the reason of the signal when the run was asked to stop.
   */
  async pass(): Promise<void> {
    const { signal, checkpoint } = this.#control;
    if (performance.now() - this.#yieldedMs >= YIELD_INTERVAL_MS) {
      await turn();
      this.#yieldedMs = performance.now();
    }
    if (signal?.aborted) {
      await this.#save();
      throw signal.reason;
    }
    const nowMs = performance.now();
    const intervalMs = checkpoint?.intervalMs ?? 0;
    if (intervalMs > 0 && nowMs - this.#savedMs >= intervalMs) await this.#save();
    if (performance.now() - this.#reportedMs >= REPORT_INTERVAL_MS) {
      this.report();
      await this.#control.look?.(this.#canvas);
    }
  }

  /** Reports now. */
  report(): void {
    this.#reportedMs = performance.now();
    this.#control.progress?.report(this.#canvas.describe());
  }

  async #save(): Promise<void> {
    const { checkpoint } = this.#control;
    if (!checkpoint) return;
    await this.#canvas.counters.time(
      "save_checkpoint",
      () => checkpoint.save(this.#canvas.snapshot()),
    );
    // Counted from the end of the save, so that slow disks do not turn a run into saving only.
    this.#savedMs = performance.now();
  }
}

/** One turn of the event loop. Browsers have no `setImmediate`; the few milliseconds of a timer do no harm at this pace. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if ("setImmediate" in globalThis) setImmediate(resolve);
    else setTimeout(resolve);
  });
}
