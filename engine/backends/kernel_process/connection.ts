/** One child process from start to end: requests go in, answers come out, and its death rejects whoever waits. */
import { KernelError, UnsupportedError } from "../../errors/errors.ts";
import { decodeFrames, encodeFrame } from "./frames.ts";
import type { ErrorText, Request, Response } from "./protocol.ts";

/** Flags that take the bounds checks out of wasm and pair its 128-bit operations into 256-bit ones (kernels.md, section 3). */
export const V8_FLAGS = "--v8-flags=--experimental-wasm-revectorize,--no-wasm-bounds-checks";

/** How `deno` is started: nothing is granted, nothing is asked for, and no configuration can change that. */
export function kernelProcessArguments(entry: string): string[] {
  return ["run", "--no-prompt", "--no-config", "--no-lock", "--quiet", V8_FLAGS, entry];
}

/** How long a child with work may make no progress at all before it is killed. */
export const STALL_MS = 60_000;

interface Waiting {
  readonly label: string;
  resolve(payload: Uint8Array<ArrayBuffer>, description?: string): void;
  reject(error: unknown): void;
}

/** A running kernel process. */
export class Connection {
  readonly pid: number;
  /** Resolves with what happened when the process has ended without being asked to. */
  readonly died: Promise<KernelError>;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #errorOutput: Promise<string>;
  #nextReply = 0;
  #output: Promise<void> = Promise.resolve();
  #activity = "none";
  #lastProgressMs = performance.now();
  #lastCheckMs = performance.now();
  #ending: string | null = null;
  #stallTimer: ReturnType<typeof setInterval>;

  constructor(stallMs: number = STALL_MS) {
    const entry = new URL("./child.ts", import.meta.url).href;
    try {
      this.#child = new Deno.Command(Deno.execPath(), {
        args: kernelProcessArguments(entry),
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (cause) {
      throw new UnsupportedError(
        `Cannot start a kernel process: ${(cause as Error).message}; use --kernel-process off`,
        { cause },
      );
    }
    this.pid = this.#child.pid;
    this.#writer = this.#child.stdin.getWriter();
    this.#errorOutput = new globalThis.Response(this.#child.stderr).text();
    this.died = this.#serve();
    this.#stallTimer = setInterval(() => this.#checkProgress(stallMs), stallMs / 4);
    Deno.unrefTimer(this.#stallTimer as unknown as number);
  }

  /** Sends a request that has no answer. */
  send(request: Request, payload?: Uint8Array): void {
    for (const piece of encodeFrame(request, payload)) {
      this.#output = this.#output.then(() => this.#writer.write(piece as Uint8Array<ArrayBuffer>));
    }
    // A pipe that breaks is noticed where the process ends.
    this.#output = this.#output.catch(() => {});
  }

  /** Sends a request and waits for its answer. */
  ask(
    request: (reply: number) => Request,
    label: string,
  ): Promise<{ payload: Uint8Array<ArrayBuffer>; description?: string }> {
    const reply = this.#nextReply++;
    if (this.#waiting.size === 0) this.#lastProgressMs = performance.now();
    return new Promise((resolve, reject) => {
      this.#waiting.set(reply, {
        label,
        resolve: (payload, description) => resolve({ payload, description }),
        reject,
      });
      this.send(request(reply));
    });
  }

  /** Ends the process, at once where it does not end by itself within a second. */
  async close(): Promise<void> {
    this.#ending = "it was closed";
    await this.#writer.close().catch(() => {});
    const timer = setTimeout(() => this.#kill(), 1000);
    await this.died;
    clearTimeout(timer);
  }

  async #serve(): Promise<KernelError> {
    for await (const { header, payload } of decodeFrames<Response>(this.#child.stdout)) {
      if (header.kind === "working") this.#note(header.activity);
      else this.#answer(header, payload);
    }
    clearInterval(this.#stallTimer);
    const { code, signal } = await this.#child.status;
    const said = (await this.#errorOutput).trim().split("\n").at(-1);
    const end = this.#ending ?? (signal ? `it ended by ${signal}` : `it ended with code ${code}`);
    const label = [...this.#waiting.values()].at(0)?.label ?? "nothing";
    const error = new KernelError(
      `Cannot run ${label}: ${end} (kernel process ${this.pid}), last at ${this.#activity}${
        said ? `; it said "${said}"` : ""
      }`,
      { label, recovered: this.#ending !== "it was closed" },
    );
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
    return error;
  }

  #answer(header: Exclude<Response, { kind: "working" }>, payload: Uint8Array<ArrayBuffer>): void {
    const waiting = this.#waiting.get(header.reply);
    this.#waiting.delete(header.reply);
    this.#lastProgressMs = performance.now();
    if (header.kind === "done") waiting?.resolve(payload, header.description);
    else waiting?.reject(toError(header.error));
  }

  #note(activity: string): void {
    if (activity !== this.#activity) this.#lastProgressMs = performance.now();
    this.#activity = activity;
  }

  /** Runs four times per `stallMs`; time in which this process itself was stopped (Ctrl-Z, a debugger) does not count. */
  #checkProgress(stallMs: number): void {
    const nowMs = performance.now();
    const sinceCheckMs = nowMs - this.#lastCheckMs;
    this.#lastCheckMs = nowMs;
    if (sinceCheckMs > stallMs / 2) this.#lastProgressMs += sinceCheckMs;
    if (this.#waiting.size === 0 || nowMs - this.#lastProgressMs < stallMs) return;
    this.#ending = `it made no progress for ${Math.round(stallMs / 1000)} s`;
    this.#kill();
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

const ERRORS: Readonly<Record<string, (message: string) => Error>> = {
  RangeError: (message) => new RangeError(message),
  TypeError: (message) => new TypeError(message),
  UnsupportedError: (message) => new UnsupportedError(message),
};

function toError({ name, message, label }: ErrorText): Error {
  return ERRORS[name]?.(message) ?? new KernelError(message, { label: label ?? name });
}
