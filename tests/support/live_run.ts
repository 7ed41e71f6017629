/** A command with `--live` in this process, and what its page can ask for. */
import type { Command, Context } from "../../engine/commands/command.ts";
import type { LiveState } from "../../engine/viewers/live_server.ts";

/** A run that goes on until it ends, or is stopped. */
export interface LiveRun {
  /** Address of the page. */
  readonly url: string;
  readonly ended: Promise<void>;
  /** Asks for something below the address. */
  get(path: string, init?: RequestInit): Promise<Response>;
  /** Asks for the state until it is as wanted. */
  until(isWanted: (state: LiveState) => boolean): Promise<LiveState>;
  /** Stops the run as Ctrl-C does, and waits for it. */
  stop(): Promise<void>;
}

/** Runs a command with `--live`; resolves when its page is served. */
export async function startRun(
  command: Command,
  values: Record<string, unknown>,
): Promise<LiveRun> {
  const stop = new AbortController();
  const printed = Promise.withResolvers<string>();
  const context: Context = {
    signal: stop.signal,
    verbosity: "normal",
    print: (line) => line.startsWith("Live view: ") && printed.resolve(line.slice(11)),
    note: () => {},
    stderr: { write: () => {}, columns: () => null },
  };
  const ended = command.run({ live: 0, ...values }, context);
  ended.catch(printed.reject);
  const url = await printed.promise;
  const get = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init);
  return {
    ...{ url, ended, get },
    async until(isWanted) {
      for (;;) {
        const state: LiveState = await (await get("state")).json();
        if (isWanted(state)) return state;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async stop() {
      const reason = new Error("Stopped by the test");
      stop.abort(reason);
      await ended.catch((error) => {
        if (error !== reason) throw error;
      });
    },
  };
}
