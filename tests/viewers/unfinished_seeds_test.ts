/** Seeds that `ffn view` remembers for tabs that were closed in the middle of an object. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { UnfinishedSeeds } from "../../engine/viewers/unfinished_seeds.ts";
import { type OpenView, openView } from "../support/open_view.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { viewedRun } from "../support/viewed_run.ts";

const FIRST = [3, 4, 16], SECOND = [15, 16, 8];

async function leftOf(view: OpenView): Promise<unknown> {
  return await (await view.get("unfinished")).json();
}

/** Opens the stream of changes as a tab does; closing it is closing the tab. */
async function openStream(view: OpenView, tab: string): Promise<() => Promise<void>> {
  const closing = new AbortController();
  const { body } = await view.get(`events?tab=${tab}`, { signal: closing.signal });
  const reader = body!.getReader();
  await reader.read();
  return async () => {
    closing.abort();
    await reader.closed.catch(() => {});
  };
}

Deno.test("the seed of a closed tab outlives other tabs, and ffn view", async () => {
  await using run = await viewedRun();
  const note = async (view: OpenView, tab: string, init: RequestInit) => {
    const response = await view.get(`unfinished/${tab}`, init);
    return [response.status, (await response.text()).trim()];
  };
  const begin = (view: OpenView, tab: string, seed: unknown) =>
    note(view, tab, { method: "POST", body: JSON.stringify(seed) });
  {
    await using view = await openView(run.options);
    const close = await openStream(view, "one"), closeOther = await openStream(view, "other");
    deepStrictEqual(await begin(view, "one", FIRST), [200, "{}"]);
    // Another tab grows and accepts, which is nothing to the first one.
    await begin(view, "other", SECOND);
    await note(view, "other", { method: "DELETE" });
    deepStrictEqual(await leftOf(view), []);
    deepStrictEqual(await begin(view, "other", [3, 4, 99]), [
      400,
      "Cannot note a seed: it must be a voxel zyx of the volume (24, 24, 32), current value is [3,4,99]",
    ]);
    await close();
    for (let i = 0; `${await leftOf(view)}` === "" && i < 200; i++) await setTimeout(10);
    deepStrictEqual(await leftOf(view), [FIRST]);
    await begin(view, "other", SECOND);
    await closeOther();
  }
  await using view = await openView(run.options);
  deepStrictEqual(await leftOf(view), [FIRST, SECOND]);
  // Whoever grows it again has it.
  const close = await openStream(view, "third");
  await begin(view, "third", FIRST);
  deepStrictEqual(await leftOf(view), [SECOND]);
  await note(view, "third", { method: "DELETE" });
  deepStrictEqual(await leftOf(view), [SECOND]);
  await close();
});

Deno.test("UnfinishedSeeds.open() leaves out what is no voxel of the volume", async () => {
  await using folder = await temporaryFolder();
  const text = '{"a": [1, 2, 3], "b": [1, 2], "c": [9, 0, 0], "d": "x", "e": [0.5, 0, 0]}';
  await Deno.writeTextFile(folder.of("unfinished.json"), text);
  const seeds = await UnfinishedSeeds.open(folder.path, [9, 9, 9]);
  deepStrictEqual(seeds.left, [[1, 2, 3]]);
  await seeds.end("a");
  strictEqual(await Deno.readTextFile(folder.of("unfinished.json")), "{}\n");
});
