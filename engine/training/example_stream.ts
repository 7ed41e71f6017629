import type { Zyx } from "../geometry/vectors.ts";
import type { RunState } from "./checkpoint_store.ts";
import { EvalTracker, type TrackerTotals } from "./eval_tracker.ts";
import type { Example } from "./example_loader.ts";
import type { ExampleQueue, QueueState } from "./example_queue.ts";
import type { FovPolicyName } from "./fov_geometry.ts";
import { FovLoop, type FovLoopOptions, type SlotState } from "./fov_loop.ts";
import type { Batch } from "./gradient_pass.ts";

/** Where a stream is, beside the canvases of its slots. */
export interface StreamState {
  readonly queue: QueueState;
  readonly slots: readonly Omit<SlotState, "canvas">[];
  readonly totals: TrackerTotals;
}

/** What is saved of a run beside its variables. */
export interface SavedState extends StreamState {
  readonly shifts: readonly Zyx[];
  readonly policy: FovPolicyName;
  readonly validation?: StreamState;
  /** As of `LearnerState`. */
  readonly counts?: Readonly<Record<string, number>>;
}

/** Examples with the slots that move over them and the tracker that sees the results. */
export class ExampleStream {
  readonly queue: ExampleQueue;
  readonly loop: FovLoop;
  readonly tracker: EvalTracker;

  constructor(
    options: FovLoopOptions & { readonly evaluationThreshold?: number },
    queue: ExampleQueue,
    prefix: string,
  ) {
    this.queue = queue;
    this.tracker = new EvalTracker(options.sizes, prefix, options.evaluationThreshold);
    this.loop = new FovLoop(options, {
      next: () => queue.next(),
      load: (draw) => queue.loader.load(draw),
      finished: ({ labels, weights }: Example, canvas: Float32Array) =>
        this.tracker.add(labels, canvas, weights),
      moved: (move) => this.tracker.move(move),
    });
  }

  async next(): Promise<Batch> {
    const batch = await this.loop.next();
    this.tracker.fieldsOfView(batch.weights);
    return batch;
  }

  state(): { json: StreamState; canvases: Float32Array[] } {
    const slots = this.loop.state();
    return {
      json: {
        queue: this.queue.state(),
        slots: slots.map(({ index, draw, policy }) => ({ index, draw, policy })),
        totals: this.tracker.totals,
      },
      canvases: slots.map(({ canvas }) => canvas),
    };
  }

  async restore(
    { queue, slots, totals }: StreamState,
    canvases: readonly Float32Array[],
  ): Promise<void> {
    this.queue.restore(queue);
    this.tracker.restore(totals);
    const slotsThere = canvases.length === 0 ? [] : slots;
    await this.loop.restore(slotsThere.map((slot, i) => ({ ...slot, canvas: canvases[i] })));
  }
}

/** Streams of a run. */
export interface Streams {
  readonly training: ExampleStream;
  readonly validation?: ExampleStream;
}

/** State of a run with these streams. */
export function runState(
  { training, validation }: Streams,
  run: Pick<SavedState, "shifts" | "policy" | "counts">,
): RunState {
  const states = [training.state(), ...validation ? [validation.state()] : []];
  const json: SavedState = {
    ...states[0].json,
    shifts: run.shifts,
    policy: run.policy,
    validation: states[1]?.json,
    counts: run.counts,
  };
  return { json, canvases: states.flatMap((state) => state.canvases) };
}
