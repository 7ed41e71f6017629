/** What a thread runs, and the messages it exchanges with its pool. */
import type { Kernel } from "../../../wasm/mod.ts";

/** Sent to a thread once. */
export interface ThreadStart {
  readonly memory: WebAssembly.Memory;
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
  readonly kernels: readonly Kernel[];
  readonly programModule: string;
  /** Address of the control block (`wasm/assembly/program.ts`). */
  readonly control: number;
  /** Address of what this thread learns about kernels, zero at first. */
  readonly knowledge: number;
  readonly thread: number;
  readonly threads: number;
}

/** Sent by a thread: it waits for programs, or it failed. */
export type ThreadReport = { readonly ready: true } | { readonly error: string };

/**
 * The whole program of a thread. Its source text is what the worker is made of, so it may refer to nothing outside itself:
 * a worker made from text needs no permission and no file, in Deno and in browsers.
 */
export function workerMain(): void {
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent<ThreadStart>) => void) | null;
    postMessage(report: ThreadReport): void;
    close(): void;
  };
  scope.onmessage = async ({ data }) => {
    try {
      const table = new WebAssembly.Table({ initial: data.kernels.length, element: "anyfunc" });
      const imports: WebAssembly.Imports = {
        env: { memory: data.memory, table },
        [data.programModule]: { now: () => performance.now() },
      };
      const exports = new Map<string, WebAssembly.Exports>();
      for (const [name, module] of data.modules) {
        exports.set(name, (await WebAssembly.instantiate(module, imports)).exports);
      }
      data.kernels.forEach(({ module, name }, index) => {
        table.set(index, exports.get(module)![name] as CallableFunction);
      });
      const { serve } = exports.get(data.programModule)! as {
        serve(control: number, knowledge: number, thread: number, threads: number): void;
      };
      scope.postMessage({ ready: true });
      serve(data.control, data.knowledge, data.thread, data.threads);
      scope.close();
    } catch (error) {
      scope.postMessage({ error: String(error) });
    }
  };
}
