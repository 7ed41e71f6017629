import type { SummaryImage, SummaryValue } from "../formats/event_file.ts";
import type { LivePicture, LiveSource, LiveState } from "../viewers/live_server.ts";
import { COLOURS, type PlotLine, plotLines } from "./plot_lines.ts";
import { duration, short } from "./progress.ts";

/** Points of a curve; when there are more, neighbours become their mean. */
const MOST_POINTS = 400;
/** Last parts of the tags that are shown by number; the event file has all. */
const TELLING = ["learning_rate", "precision", "recall", "f1"];
/** Curves of the second picture. */
const F1 = { "eval/f1": "training", "validation/eval/f1": "validation" } as const;
const MOST_EVENTS = 30;
/** Sections of one example, across z, y and x. */
const SHOWN_IMAGES = 3;

/** A curve of any number of values in bounded memory. */
export class Curve {
  /** Step and mean of as many values as there are in a point. */
  readonly points: [x: number, y: number][] = [];
  #perPoint = 1;
  #sum = 0;
  #count = 0;

  /** Adds a value; those that are not finite leave no trace. */
  add(x: number, y: number): void {
    if (!Number.isFinite(y)) return;
    this.#sum += y;
    this.#count++;
    if (this.#count < this.#perPoint) return;
    this.points.push([x, this.#sum / this.#count]);
    this.#sum = this.#count = 0;
    if (this.points.length < MOST_POINTS) return;
    this.#perPoint *= 2;
    const halves = this.points.splice(0);
    for (let i = 1; i < halves.length; i += 2) {
      this.points.push([halves[i][0], (halves[i - 1][1] + halves[i][1]) / 2]);
    }
  }
}

/** A run of `ffn train` as its page sees it, from where this process began. */
export class LiveTraining implements LiveSource {
  readonly #title: string;
  readonly #maxSteps: number;
  readonly #events: string[] = [];
  readonly #loss = new Curve();
  readonly #scores = { training: new Curve(), validation: new Curve() };
  readonly #scalars = new Map<string, number>();
  #images: readonly SummaryImage[] = [];
  #status = "Opening volumes and network";
  #first: { step: number; ms: number } | null = null;
  #step = 0;
  #lastLoss = NaN;

  constructor(title: string, maxSteps: number) {
    this.#title = title;
    this.#maxSteps = maxSteps;
  }

  /** Says what the run does now. */
  say(status: string): void {
    this.#status = status;
  }

  /** Takes a remark of the run. */
  log(line: string): void {
    this.#events.unshift(line);
    this.#events.length = Math.min(this.#events.length, MOST_EVENTS);
  }

  /** Takes the loss of a step. */
  stepped(step: number, loss: number): void {
    this.#first ??= { step, ms: performance.now() };
    this.#step = step;
    this.#lastLoss = loss;
    this.#loss.add(step, loss);
  }

  /** Takes what a summary says. */
  summarised(step: number, values: readonly SummaryValue[]): void {
    const images = values.flatMap((value) => "image" in value ? [value.image] : []);
    if (images.length > 0) this.#images = images.slice(0, SHOWN_IMAGES);
    for (const value of values) {
      if (!("scalar" in value)) continue;
      const { tag, scalar } = value;
      if (TELLING.includes(tag.split("/").at(-1)!)) this.#scalars.set(tag, scalar);
      if (tag === "eval/f1" || tag === "validation/eval/f1") {
        this.#scores[F1[tag]].add(step, scalar);
      }
    }
  }

  state(): LiveState {
    const [first, step] = [this.#first, this.#step];
    const elapsedMs = first === null ? 0 : performance.now() - first.ms;
    const steps = first === null ? 0 : step - first.step;
    const left = steps > 0 ? duration(elapsedMs * (this.#maxSteps - step) / steps) : null;
    return {
      title: this.#title,
      status: this.#status,
      fraction: first && step / this.#maxSteps,
      figures: [
        ["Step", `${step} of ${this.#maxSteps}`],
        ["Steps per second", steps > 0 ? short(steps / (elapsedMs / 1000)) : "not known yet"],
        ["Left", left ?? "not known yet"],
        ["Loss of the last step", first === null ? "none yet" : this.#lastLoss.toPrecision(4)],
        ...[...this.#scalars].map(([tag, value]) => [tag, value.toPrecision(4)] as const),
      ],
      pictures: [
        ...(this.#loss.points.length === 0 ? [] : [{
          name: "loss",
          caption: "Loss",
          description: describeCurve("Loss", this.#loss),
        }]),
        ...(this.#scores.training.points.length === 0 ? [] : [{
          name: "f1",
          caption: "f1 of whole examples",
          description: describeCurve("f1 of training", this.#scores.training),
        }]),
        ...this.#images.map((_, i) => ({
          name: `example-${i}`,
          caption: `An example across ${"zyx"[i]}`,
          description: "Its truth, what the network predicts, and what counts, side by side",
        })),
      ],
      events: this.#events,
    };
  }

  picture(name: string): Promise<LivePicture | null> {
    const [, index] = /^example-(\d)$/.exec(name) ?? [];
    if (index !== undefined) {
      const png = this.#images[Number(index)]?.png as Uint8Array<ArrayBuffer> | undefined;
      return Promise.resolve(png === undefined ? null : { type: "image/png", bytes: png });
    }
    const curves = name === "loss" ? { loss: this.#loss } : name === "f1" ? this.#scores : {};
    const lines = Object.entries(curves).filter(([, { points }]) => points.length > 0)
      .map(([name, { points }], i): PlotLine => ({
        ...{ name, points, colour: COLOURS[i + 1], dots: points.length < 10 },
      }));
    if (lines.length === 0) return Promise.resolve(null);
    const steps = lines[0].points, xTicks = [steps[0][0], steps.at(-1)![0]];
    const svg = plotLines({ title: name, xLabel: "training step", xTicks, lines });
    const bytes = new TextEncoder().encode(svg);
    return Promise.resolve({ type: "image/svg+xml", bytes });
  }
}

function describeCurve(name: string, { points }: Curve): string {
  const [first, last] = [points[0], points.at(-1)!];
  return `${name} ${first[1].toPrecision(3)} at step ${first[0]}, ${
    last[1].toPrecision(3)
  } at step ${last[0]}`;
}
