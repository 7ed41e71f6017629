/** A clock and a file server for simulations: nothing waits, and every operation is counted. */
import { setImmediate } from "node:timers/promises";
import type { LeaseFiles } from "../../engine/cluster/lease_files.ts";

/** Time that passes, in whole ticks, when everybody waits. */
export class VirtualClock {
  nowMs = 0;
  readonly #tickMs: number;
  readonly #waiting = new Map<number, (() => void)[]>();
  readonly #times: number[] = [];

  /** Long ticks make long simulations quicker: whatever ends in one tick goes on together. */
  constructor(tickMs = 1) {
    this.#tickMs = tickMs;
  }

  sleep(ms: number): Promise<void> {
    const at = this.nowMs + this.#tickMs * Math.max(1, Math.round(ms / this.#tickMs));
    const { promise, resolve } = Promise.withResolvers<void>();
    const there = this.#waiting.get(at);
    if (there === undefined) {
      this.#waiting.set(at, [resolve]);
      this.#push(at);
    } else there.push(resolve);
    return promise;
  }

  /** Lets time pass until nobody waits any more. */
  async run(): Promise<void> {
    // Whoever has just begun gets to its first wait.
    await setImmediate();
    while (this.#times.length > 0) {
      this.nowMs = this.#pop();
      const resolvers = this.#waiting.get(this.nowMs)!;
      this.#waiting.delete(this.nowMs);
      for (const resolve of resolvers) resolve();
      await setImmediate();
    }
  }

  /** A binary heap, the earliest time first. */
  #push(time: number): void {
    const heap = this.#times;
    let i = heap.push(time) - 1;
    for (let up = (i - 1) >> 1; i > 0 && heap[up] > heap[i]; i = up, up = (i - 1) >> 1) {
      [heap[up], heap[i]] = [heap[i], heap[up]];
    }
  }

  #pop(): number {
    const heap = this.#times;
    const first = heap[0], last = heap.pop()!;
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0;;) {
      const left = 2 * i + 1, right = left + 1;
      let least = i;
      if (left < heap.length && heap[left] < heap[least]) least = left;
      if (right < heap.length && heap[right] < heap[least]) least = right;
      if (least === i) return first;
      [heap[least], heap[i]] = [heap[i], heap[least]];
      i = least;
    }
  }
}

interface Node {
  children: Map<string, Node> | null;
  text: string;
  modifiedMs: number;
}

/** What a simulated file server can do. */
export interface ServerOptions {
  /** Time that every operation takes. */
  readonly latencyMs: number;
  /** Operations that it serves at most; those beyond wait in line. */
  readonly perSecond?: number;
}

/** Files in memory behind a server. */
export class SimulatedFiles implements LeaseFiles {
  /** Operations by kind. */
  readonly counts: Record<string, number> = {};
  /** Operations by whole second in which they were asked for. */
  readonly perSecond: number[] = [];
  /** Names that listings gave. */
  listedNames = 0;
  /** The longest time that an operation took. */
  longestMs = 0;
  readonly #clock: VirtualClock;
  readonly #options: ServerOptions;
  /** When the server has served all that was asked for. */
  #freeMs = 0;
  readonly #root: Node = { children: new Map(), text: "", modifiedMs: 0 };

  constructor(clock: VirtualClock, options: ServerOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  async makeFolder(path: string): Promise<void> {
    await this.#serve("makeFolder");
    let node = this.#root;
    for (const name of names(path)) {
      if (!node.children!.has(name)) node.children!.set(name, this.#node(new Map()));
      node = node.children!.get(name)!;
    }
  }

  async write(path: string, text: string): Promise<boolean> {
    await this.#serve("write");
    const [folder, name] = this.#place(path);
    folder?.children?.set(name, this.#node(null, text));
    return folder !== undefined;
  }

  async refresh(path: string): Promise<boolean> {
    await this.#serve("refresh");
    const node = this.#find(names(path));
    if (node !== undefined) node.modifiedMs = this.#clock.nowMs;
    return node !== undefined;
  }

  async rename(from: string, to: string): Promise<boolean> {
    await this.#serve("rename");
    const [folder, source] = this.#place(from), [into, target] = this.#place(to);
    const node = folder?.children?.get(source);
    if (!node || !into || (into.children?.get(target)?.children?.size ?? 0) > 0) return false;
    folder!.children!.delete(source);
    into.children!.set(target, node);
    return true;
  }

  async read(path: string) {
    await this.#serve("read");
    const node = this.#find(names(path));
    return node === undefined ? null : { text: node.text, modifiedMs: node.modifiedMs };
  }

  async list(path: string): Promise<string[]> {
    await this.#serve("list");
    const found = [...this.#find(names(path))?.children?.keys() ?? []];
    this.listedNames += found.length;
    return found;
  }

  async remove(path: string): Promise<void> {
    await this.#serve("remove");
    const [folder, name] = this.#place(path);
    folder?.children?.delete(name);
  }

  async removeEmpty(path: string): Promise<void> {
    await this.#serve("removeEmpty");
    const [folder, name] = this.#place(path);
    if (folder?.children?.get(name)?.children?.size === 0) folder.children.delete(name);
  }

  #serve(kind: string): Promise<void> {
    const { nowMs } = this.#clock;
    const { latencyMs, perSecond = Infinity } = this.#options;
    const second = Math.floor(nowMs / 1000);
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.perSecond[second] = (this.perSecond[second] ?? 0) + 1;
    this.#freeMs = Math.max(this.#freeMs, nowMs) + 1000 / perSecond;
    const takesMs = this.#freeMs - nowMs + latencyMs;
    this.longestMs = Math.max(this.longestMs, takesMs);
    return this.#clock.sleep(takesMs);
  }

  /** The folder that something is in, and its name there. */
  #place(path: string): [Node | undefined, string] {
    const steps = names(path);
    const name = steps.pop()!;
    return [this.#find(steps), name];
  }

  #find(path: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path) node = node?.children?.get(name);
    return node;
  }

  #node(children: Node["children"], text = ""): Node {
    return { children, text, modifiedMs: this.#clock.nowMs };
  }
}

/** Of an absolute path in its normal form. */
function names(path: string): string[] {
  return path.slice(1).split("/");
}
