import type { SummaryValue } from "../formats/event_file.ts";

/** Steps between two figures of the speed, as TensorFlow counts it. */
const RATE_STEPS = 100;

/** Losses and times of the steps since the last summary. */
export class Pace {
  readonly #now: () => number;
  #summaryAt: number;
  #rateAt: number;
  #rateStep: number;
  #beganAt = 0;
  #loadedAt = 0;
  #loadMs: number[] = [];
  #stepMs: number[] = [];
  #losses: number[] = [];

  /** @param step Updates before it began. */
  constructor(step = 0, now: () => number = () => performance.now()) {
    this.#rateStep = step;
    this.#now = now;
    this.#summaryAt = this.#rateAt = now();
  }

  /** Seconds since the last summary. */
  get seconds(): number {
    return (this.#now() - this.#summaryAt) / 1000;
  }

  /** A step begins. */
  begin(): void {
    this.#beganAt = this.#now();
  }

  /** Its batch is there. */
  loaded(): void {
    this.#loadedAt = this.#now();
  }

  /** It is done. */
  stepped(loss: number): void {
    this.#loadMs.push(this.#loadedAt - this.#beganAt);
    this.#stepMs.push(this.#now() - this.#loadedAt);
    this.#losses.push(loss);
  }

  /** Updates per second since the last figure, where there were enough of them; several workers make more than one at a time. */
  stepsPerSecond(step: number): number | null {
    const hundreds = (n: number) => Math.floor(n / RATE_STEPS);
    if (hundreds(step) === hundreds(this.#rateStep)) return null;
    const now = this.#now();
    const rate = (step - this.#rateStep) / ((now - this.#rateAt) / 1000);
    this.#rateAt = now;
    this.#rateStep = step;
    // Owners of the variables may have gone back to a checkpoint.
    return rate > 0 ? rate : null;
  }

  /** Mean and spread of the losses, and seconds per step; begins anew. */
  summaries(): SummaryValue[] {
    const losses = this.#losses.filter(Number.isFinite);
    const lossMean = mean(losses);
    const values: Record<string, number> = {
      seconds_since_summary: this.seconds,
      loss: lossMean,
      loss_std: Math.sqrt(mean(losses.map((v) => (v - lossMean) ** 2))),
      ...times("time_data_load", this.#loadMs),
      ...times("time_train_step", this.#stepMs),
    };
    this.#summaryAt = this.#now();
    [this.#losses, this.#loadMs, this.#stepMs] = [[], [], []];
    return Object.entries(values).map(([tag, scalar]) => ({ tag, scalar }));
  }
}

function times(tag: string, ms: readonly number[]): Record<string, number> {
  return {
    [tag]: mean(ms) / 1000,
    [`${tag}/min`]: ms.reduce((a, b) => Math.min(a, b), Infinity) / 1000,
    [`${tag}/max`]: ms.reduce((a, b) => Math.max(a, b), 0) / 1000,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
