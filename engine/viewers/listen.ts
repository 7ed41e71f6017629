import { UnsupportedError } from "../errors/errors.ts";

/** Where a server listens. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The flag that gives it, for the error where it is in use; `--port` unless given. */
  readonly portFlag?: string;
}

/** A running server; disposing it ends what it serves. */
export interface Listening extends AsyncDisposable {
  /** `http://HOST:PORT` */
  readonly origin: string;
}

/** A path that nobody guesses: without it nothing is served. */
export function randomToken(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

/**
 * Serves requests whose path begins with a token, or has it behind its first part as Neuroglancer's client wants it, and
 * refuses all others.
 *
 * @throws {UnsupportedError} when the port is in use.
 */
export function listen(
  { host, port, portFlag = "--port" }: ListenOptions,
  token: string,
  handle: (request: Request) => Response | Promise<Response>,
): Listening {
  const stop = new AbortController();
  const guarded = (request: Request) =>
    new URL(request.url).pathname.split("/").slice(1, 3).includes(token)
      ? handle(request)
      : new Response(
        "Cannot serve this: the address lacks the token, open the one that was printed\n",
        { status: 403 },
      );
  const start = () => {
    try {
      return Deno.serve({ hostname: host, port, signal: stop.signal, onListen() {} }, guarded);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      throw new UnsupportedError(
        `Cannot listen at ${host}:${port}: the port is in use; give another ${portFlag}, or 0 for a free one`,
      );
    }
  };
  const server = start();
  return {
    origin: `http://${host.includes(":") ? `[${host}]` : host}:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.finished;
    },
  };
}
