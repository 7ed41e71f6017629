import { listen, randomToken } from "../viewers/listen.ts";
import { liveHandler, type LiveSource } from "../viewers/live_server.ts";
import { bundlePage, LIVE_SCRIPTS } from "../viewers/page_bundle.ts";
import type { Context } from "./command.ts";

/** A run's page that is being served; disposing it ends that. */
export interface RunningLive extends AsyncDisposable {
  /** Address of the page, its token included. */
  readonly url: string;
}

/**
 * Serves a page that shows a run, to this machine only, and prints its address.
 *
 * @throws {UnsupportedError} when the port is in use.
 */
export function startLive(
  port: number,
  source: LiveSource,
  { print }: Pick<Context, "print">,
): RunningLive {
  const token = randomToken();
  let scripts: ReturnType<typeof bundlePage> | undefined;
  // A run that nobody looks at makes no page.
  const handle = liveHandler(token, source, () => scripts ??= bundlePage(LIVE_SCRIPTS));
  const server = listen({ host: "127.0.0.1", port, portFlag: "--live" }, token, handle);
  const url = `${server.origin}/${token}/`;
  print(`Live view: ${url}`);
  return {
    url,
    async [Symbol.asyncDispose]() {
      await scripts?.catch(() => {});
      await server[Symbol.asyncDispose]();
    },
  };
}
