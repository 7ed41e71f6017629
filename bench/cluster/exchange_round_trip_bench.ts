/** Pull and push of the published network's 2.55 MB against bare NATS requests of that size, in turn. */
import { connectToServer } from "../../engine/cluster/nats_connection.ts";
import { openNatsExchange } from "../../engine/cluster/nats_exchange.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import type { BenchContext } from "../program.ts";
import { quartiles, showQuartiles } from "../statistics.ts";
import { IDENTITY, LOAD_MODEL } from "./load_model.ts";
import { openMeetingPlace } from "./meeting_place.ts";

export const description =
  "pull and push of 2.55 MB of parameters against bare NATS requests of that size";

const WARM_UP = 10;

export async function run({ folder, print, small }: BenchContext): Promise<unknown> {
  const { variables } = LOAD_MODEL;
  const bytes = 4 * variables.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  await using place = await openMeetingPlace(folder);
  place.start("load_owner.ts", place.path, "0", "0");
  place.start("bare_responder.ts", place.path, String(bytes));
  const { signal } = new AbortController();
  await using exchange = await openNatsExchange(place.config, {
    ...{ worker: 0, identity: IDENTITY, variables, signal },
  });
  const bare = await connectToServer(place.config, "bare", signal);
  const payload = new Uint8Array(bytes);
  const options = { timeout: 10_000 };
  while (!await bare.request("bare.push", payload, options).catch(() => null));
  const times: Record<"pull" | "push" | "barePull" | "barePush", number[]> = {
    ...{ pull: [], push: [], barePull: [], barePush: [] },
  };
  const timed = async <T>(name: keyof typeof times, i: number, act: () => Promise<T>) => {
    const start = performance.now();
    const result = await act();
    if (i >= 0) times[name].push(performance.now() - start);
    return result;
  };
  for (let i = -WARM_UP; i < (small ? 5 : 100); i++) {
    const { values, stamps } = await timed("pull", i, () => exchange.pull());
    await timed("push", i, () => exchange.push(values, stamps, 1));
    await timed("barePull", i, () => bare.request("bare.pull", undefined, options));
    await timed("barePush", i, () => bare.request("bare.push", payload, options));
  }
  await bare.close();
  const figures = Object.fromEntries(
    Object.entries(times).map(([name, ms]) => [name, quartiles(ms)]),
  );
  for (const [name, ms] of Object.entries(figures)) print(`${name}: ${showQuartiles(ms, 2)} ms`);
  const both = (a: string, b: string) => figures[a].median + figures[b].median;
  const ratio = both("pull", "push") / both("barePull", "barePush");
  print(`pull + push ${both("pull", "push").toFixed(2)} ms, ${ratio.toFixed(2)} of bare requests`);
  return { bytes, ms: figures, ratio };
}
