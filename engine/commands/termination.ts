/** Ctrl-C and SIGTERM: the first asks a run to save and stop, the second ends the process at once. */

/** Listens until disposed. */
export interface Termination extends Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** 128 + number of the signal that came, null before. */
  exitCode(): number | null;
}

// Windows knows only Ctrl-C.
const SIGNALS: [Deno.Signal, number][] = Deno.build.os === "windows"
  ? [["SIGINT", 2]]
  : [["SIGINT", 2], ["SIGTERM", 15]];

/** Starts listening. */
export function onTermination(): Termination {
  const controller = new AbortController();
  let code: number | null = null;
  const listeners = SIGNALS.map(([name, number]) => {
    const listener = () => {
      if (code !== null) Deno.exit(128 + number);
      code = 128 + number;
      controller.abort(new DOMException(`Stopped by ${name}`, "AbortError"));
    };
    Deno.addSignalListener(name, listener);
    return [name, listener] as const;
  });
  return {
    signal: controller.signal,
    exitCode: () => code,
    [Symbol.dispose]() {
      for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}
