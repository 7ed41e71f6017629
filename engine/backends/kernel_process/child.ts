/**
 * The program of a kernel process. It runs the wasm backend under V8 flags that take the bounds checks out of wasm, and
 * therefore must be started without any permission: all it has is its standard input and output.
 */
import { arrayConstructor } from "../../formats/nd_array.ts";
import { compileModules } from "../../../wasm/mod.ts";
import type { Program, Tensor } from "../backend.ts";
import { openWasmBackend, type WasmBackend } from "../wasm/wasm_backend.ts";
import { bytesOf, decodeFrames, encodeFrame, type Frame } from "./frames.ts";
import { graphFromText } from "./graph_text.ts";
import { type ErrorText, REPORT_INTERVAL_MS, type Request, type Response } from "./protocol.ts";

const PERMISSIONS = ["read", "write", "net", "env", "run", "ffi", "sys"] as const;

/** Whatever this process may do, it should not. */
function grantedPermissions(): string[] {
  return PERMISSIONS.filter((name) => Deno.permissions.querySync({ name }).state === "granted");
}

function toErrorText(error: unknown): ErrorText {
  const { name, message, label } = error as ErrorText;
  return { name: name ?? "Error", message: message ?? String(error), label };
}

/** The child's end of the pipe. */
class KernelServer {
  readonly #modules = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #tensors = new Map<number, Tensor>();
  readonly #programs = new Map<number, Program>();
  #backend: WasmBackend | null = null;
  /** Reads that are not answered yet. */
  #pending = 0;
  /** What went wrong in a request that has no answer of its own; every later answer says so. */
  #error: ErrorText | null = null;
  #output: Promise<void> = Promise.resolve();
  readonly #writer = Deno.stdout.writable.getWriter();

  async serve(): Promise<void> {
    const timer = setInterval(() => {
      if (this.#pending === 0 || !this.#backend) return;
      this.#send({ kind: "working", activity: this.#backend.activity });
    }, REPORT_INTERVAL_MS);
    for await (const frame of decodeFrames<Request>(Deno.stdin.readable)) await this.#take(frame);
    clearInterval(timer);
    await this.#backend?.[Symbol.asyncDispose]();
  }

  async #take({ header, payload }: Frame<Request>): Promise<void> {
    if (header.kind === "read") return this.#read(header.tensor, header.reply);
    const reply = "reply" in header ? header.reply : null;
    try {
      if (this.#error && reply !== null) throw this.#error;
      const description = await this.#perform(header, payload);
      if (reply !== null) this.#send({ kind: "done", reply, description });
    } catch (error) {
      if (reply !== null) this.#send({ kind: "failed", reply, error: toErrorText(error) });
      else this.#error ??= toErrorText(error);
    }
  }

  async #perform(
    header: Exclude<Request, { kind: "read" }>,
    payload: Uint8Array<ArrayBuffer>,
  ): Promise<string | undefined> {
    switch (header.kind) {
      case "module":
        this.#modules.set(header.name, payload);
        return;
      case "open": {
        const granted = grantedPermissions();
        if (granted.length > 0) {
          throw new TypeError(
            `Cannot start a kernel process: it must have no permission, it has ${granted.join()}`,
          );
        }
        const modules = await compileModules(this.#modules);
        this.#backend = await openWasmBackend({ threads: header.threads, modules });
        return this.#backend.description;
      }
      case "allocate": {
        const { tensor, shape, dtype, label } = header;
        this.#tensors.set(tensor, this.#backend!.allocate(shape, dtype, label));
        return;
      }
      case "write": {
        const tensor = this.#tensors.get(header.tensor)!;
        this.#backend!.write(tensor, new (arrayConstructor(tensor.dtype))(payload.buffer));
        return;
      }
      case "compile":
        this.#programs.set(
          header.program,
          await this.#backend!.compile(graphFromText(header.graph)),
        );
        return;
      case "run": {
        const bindings = Object.entries(header.bindings)
          .map(([name, tensor]) => [name, this.#tensors.get(tensor)!]);
        this.#backend!.run(this.#programs.get(header.program)!, Object.fromEntries(bindings));
        return;
      }
      case "dispose":
        if (header.tensor !== undefined) take(this.#tensors, header.tensor)?.dispose();
        if (header.program !== undefined) take(this.#programs, header.program)?.dispose();
    }
  }

  /** Answers when earlier work is done; meanwhile further requests are taken. */
  #read(tensor: number, reply: number): void {
    this.#pending++;
    const reading = this.#error
      ? Promise.reject(this.#error)
      : this.#backend!.read(this.#tensors.get(tensor)!);
    reading.then(
      (data) => this.#send({ kind: "done", reply }, bytesOf(data)),
      (error) => this.#send({ kind: "failed", reply, error: toErrorText(error) }),
    ).finally(() => this.#pending--);
  }

  #send(response: Response, payload?: Uint8Array): void {
    for (const piece of encodeFrame(response, payload)) {
      this.#output = this.#output.then(() => this.#writer.write(piece));
    }
    // A parent that is gone has closed standard input too, which ends `serve`.
    this.#output = this.#output.catch(() => {});
  }
}

function take<T>(map: Map<number, T>, key: number): T | undefined {
  const value = map.get(key);
  map.delete(key);
  return value;
}

if (import.meta.main) {
  // Ctrl-C and schedulers signal every process of a run alike. It is the parent that saves, with what it reads from here.
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => {});
  await new KernelServer().serve();
  Deno.exit();
}
