import { NotFoundError } from "../errors/errors.ts";
import { notServed, PAGE_HEADERS, readOwnFile } from "./page_files.ts";

/** A picture of a run. */
export interface LivePicture {
  readonly type: "image/png" | "image/svg+xml";
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a page shows of a run; all texts are for reading. */
export interface LiveState {
  readonly title: string;
  /** What the run does now. */
  readonly status: string;
  /** Share of the work that is done, 0 to 1; null while nobody knows. */
  readonly fraction: number | null;
  readonly figures: readonly (readonly [name: string, value: string])[];
  /** Pictures that there are, or may be soon. */
  readonly pictures: readonly {
    readonly name: string;
    readonly caption: string;
    /** What is to be seen, for those who do not see it. */
    readonly description: string;
  }[];
  /** What happened last, the newest first. */
  readonly events: readonly string[];
}

/** A run that can be looked at. Nothing of it is made before it is asked for. */
export interface LiveSource {
  state(): LiveState;
  /** Null where there is no such picture yet. */
  picture(name: string): Promise<LivePicture | null>;
}

const STATIC: Readonly<Record<string, readonly [name: string, type: string]>> = {
  "": ["live.html", "text/html; charset=utf-8"],
  "page.css": ["page.css", "text/css; charset=utf-8"],
  "live.css": ["live.css", "text/css; charset=utf-8"],
};

/**
 * Answers the requests of the page that shows a run, below `/TOKEN/`; nothing can be changed by it.
 *
 * @param scripts Gives the page's scripts by name; called when the first one is asked for.
 */
export function liveHandler(
  token: string,
  source: LiveSource,
  scripts: () => Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const refuse = (status: number, reason: string) =>
      new Response(`${reason}\n`, { status, headers: PAGE_HEADERS });
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(405, "Cannot change a run from its page: it is for looking at");
    }
    const path = new URL(request.url).pathname.slice(token.length + 2);
    try {
      return await answer(path, source, scripts);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return refuse(error instanceof NotFoundError ? 404 : 500, error.message);
    }
  };
}

async function answer(
  path: string,
  source: LiveSource,
  scripts: () => Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>>,
): Promise<Response> {
  const bytes = (body: Uint8Array<ArrayBuffer>, type: string) =>
    new Response(body, { headers: { ...PAGE_HEADERS, "content-type": type } });
  if (path === "state") return Response.json(source.state(), { headers: PAGE_HEADERS });
  if (Object.hasOwn(STATIC, path)) {
    const [name, type] = STATIC[path];
    return bytes(await readOwnFile(new URL(`./page/${name}`, import.meta.url)), type);
  }
  const [, name] = /^pictures\/([\w-]+)$/.exec(path) ?? [];
  const picture = name === undefined ? null : await source.picture(name);
  if (picture !== null) return bytes(picture.bytes, picture.type);
  const script = /^\w+\.js$/.test(path) ? (await scripts()).get(path) : undefined;
  if (script === undefined) throw notServed(path);
  return bytes(script, "text/javascript; charset=utf-8");
}
