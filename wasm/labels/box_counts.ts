/** How many voxels of its own label lie in the box around each voxel, as classes, on threads over one shared memory. */
import { mapZyx, volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { kernelModule } from "../kernel_memory.ts";
import { KernelThreads } from "./kernel_threads.ts";

const KERNEL = "labels_box_counts";
const PAGE_BYTES = 65_536;
const LIMIT_BYTES = 2 ** 32;
const FRAME_WORDS = 12;
const TASK_WORDS = 8;
/** Word of the frame that threads count tasks with. */
const NEXT_TASK = 11;

interface Addresses {
  readonly frame: number;
  readonly labels: number;
  readonly classes: number;
  readonly table: number;
  readonly tasks: number;
  /** Each thread's own memory. */
  readonly scratch: readonly number[];
}

/** What one label asks for. */
export interface BoxCountTask {
  /** Number in the array of labels. */
  readonly label: number;
  /** Bounding box of its voxels in the input: first voxel, and one beyond the last. */
  readonly begin: Zyx;
  readonly end: Zyx;
  /** Gives every output voxel a class whose box reaches the label, not only voxels of the label. */
  readonly everywhere?: boolean;
}

export interface BoxCountOptions {
  /** Largest input. */
  readonly size: Zyx;
  readonly radius: Zyx;
  /** Class of each count, `[voxels of the box + 1]`; class 0 leaves the voxel as it is. */
  readonly classes: Uint8Array;
  readonly threads: number;
  /** Most tasks of one run. */
  readonly maxTasks: number;
}

/** Counts in one input after the other; disposing it ends its threads. */
export class BoxCounter implements Disposable {
  readonly #memory: WebAssembly.Memory;
  readonly #radius: Zyx;
  readonly #threads: KernelThreads;
  readonly #addresses: Addresses;
  readonly #maxTasks: number;

  private constructor(
    memory: WebAssembly.Memory,
    options: BoxCountOptions,
    addresses: Addresses,
    threads: KernelThreads,
  ) {
    this.#memory = memory;
    this.#radius = options.radius;
    this.#maxTasks = options.maxTasks;
    this.#addresses = addresses;
    this.#threads = threads;
  }

  /** @throws {RangeError} when inputs of this size do not fit. */
  static async open(options: BoxCountOptions): Promise<BoxCounter> {
    const { size, radius, classes, threads, maxTasks } = options;
    const output = volumeOf(outputSize(size, radius));
    const [, height, width] = outputSize(size, radius);
    // Counts and flags of the rows of a plane, one row of sums, totals, and a ring of planes.
    const scratchBytes = 4 *
      ((width + 1) * size[1] + width + height * width * (2 * radius[0] + 2));
    let end = 64;
    const reserve = (bytes: number) => {
      const at = end;
      end = Math.ceil((at + bytes) / 64 + 1) * 64;
      return at;
    };
    const addresses: Addresses = {
      frame: reserve(4 * FRAME_WORDS),
      labels: reserve(4 * volumeOf(size)),
      classes: reserve(output),
      table: reserve(classes.length),
      tasks: reserve(4 * TASK_WORDS * maxTasks),
      scratch: Array.from({ length: threads }, () => reserve(scratchBytes)),
    };
    if (end > LIMIT_BYTES) {
      throw new RangeError(
        `Cannot count boxes: radius zyx ${radius} in parts of ${size} voxels needs ${end} bytes with ${threads} threads, ` +
          `at most are ${LIMIT_BYTES}; use fewer threads or a smaller radius`,
      );
    }
    const pages = Math.ceil(end / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    new Uint8Array(memory.buffer).set(classes, addresses.table);
    const module = await kernelModule(KERNEL);
    const started = await KernelThreads.open(KERNEL, module, memory, threads);
    return new BoxCounter(memory, options, addresses, started);
  }

  /** The labels `[z, y, x]` of an input of a size, to be filled in. */
  labels(size: Zyx): Uint32Array {
    return new Uint32Array(this.#memory.buffer, this.#addresses.labels, volumeOf(size));
  }

  /** The classes `[z, y, x]` of an input's output, which is smaller by the radius on every side; 0 marks voxels without one. */
  classes(size: Zyx): Uint8Array {
    const count = volumeOf(outputSize(size, this.#radius));
    return new Uint8Array(this.#memory.buffer, this.#addresses.classes, count);
  }

  /** Gives the voxels of every task their classes; no two tasks may give a class to the same voxel. */
  async run(size: Zyx, tasks: readonly BoxCountTask[]): Promise<void> {
    if (tasks.length > this.#maxTasks) {
      throw new RangeError(
        `Cannot count boxes of ${tasks.length} labels at once: at most are ${this.#maxTasks}`,
      );
    }
    const { labels, classes, table, tasks: to, scratch } = this.#addresses;
    const words = new Int32Array(this.#memory.buffer, to, TASK_WORDS * tasks.length);
    tasks.forEach(({ label, begin, end, everywhere }, i) => {
      const bounds = begin.flatMap((first, axis) => [first, end[axis]]);
      words.set([label, ...bounds, everywhere ? 1 : 0], TASK_WORDS * i);
    });
    const frame = new Int32Array(this.#memory.buffer, this.#addresses.frame, FRAME_WORDS);
    frame.set([...size, ...this.#radius, labels, classes, table, to, tasks.length]);
    frame[NEXT_TASK] = 0;
    await this.#threads.run("count_boxes", (i) => [this.#addresses.frame, scratch[i]]);
  }

  [Symbol.dispose](): void {
    this.#threads[Symbol.dispose]();
  }
}

/** What is left of a size when a radius is taken off every side. */
export function outputSize(size: Zyx, radius: Zyx): Zyx {
  return mapZyx((n, r) => n - 2 * r, size, radius);
}
