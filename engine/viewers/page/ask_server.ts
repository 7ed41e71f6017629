/**
 * Asks `ffn view` for something; gives its answer whatever it is.
 *
 * @throws {Error} that says so where nobody answers: the browser's own is "Failed to fetch".
 */
export async function reachServer(address: string, init?: RequestInit): Promise<Response> {
  return await fetch(address, init).catch((error: Error) => {
    throw new Error("Cannot reach ffn view: is it still running?", { cause: error });
  });
}

/**
 * The same for what must be there.
 *
 * @throws {Error} with the reason that the server gives.
 */
export async function askServer(address: string, init?: RequestInit): Promise<Response> {
  return await granted(await reachServer(address, init));
}

/**
 * An answer that is what was asked for.
 *
 * @throws {Error} with the reason that the server gives where it is not.
 */
export async function granted(response: Response): Promise<Response> {
  if (!response.ok) throw new Error((await response.text()).trim());
  return response;
}
