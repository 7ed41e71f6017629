/** Requests and boxes from files, or as text on the command line. */
import { NotFoundError } from "../errors/errors.ts";
import { parseBoundingBox, parseInferenceRequest } from "../formats/protobuf/requests.ts";
import type { Box } from "../geometry/box.ts";
import { type InferenceRequest, resolveRequest } from "../inference/request.ts";

/** Reads and checks the request in a file. */
export async function readRequestFile(path: string): Promise<InferenceRequest> {
  return resolveRequest(parseInferenceRequest(await readTextFile("request", path), `"${path}"`));
}

/** A box (zyx) from its text (xyz), or from the file that holds it. */
export async function readBox(textOrPath: string): Promise<Box> {
  return textOrPath.includes("{")
    ? parseBoundingBox(textOrPath, "--bounding-box")
    : parseBoundingBox(await readTextFile("bounding box", textOrPath), `"${textOrPath}"`);
}

/** The text of a file; `what` says in messages what it is to be. */
export async function readTextFile(what: string, path: string): Promise<string> {
  return await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open ${what} "${path}": no such file`);
  });
}
