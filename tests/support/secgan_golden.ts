/** Holds one iteration on the spec's fill against the golden cases: losses within 1e-4, norms of gradients within 1 %. */
import { ok } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { DEFAULT_LAMBDAS, lossTotals } from "../../engine/training/secgan/losses.ts";
import type { AcceptanceContext } from "../acceptance/program.ts";
import { SECGAN_CASES, type SecganCase } from "./secgan_cases.ts";
import { filledBatch, normOf, openFilledStep } from "./secgan_run.ts";

/** @throws {AssertionError} with the first number that is off. */
export async function checkCase(
  { model, ...recorded }: SecganCase,
  backend: Backend,
): Promise<void> {
  await using step = await openFilledStep(model, backend);
  const result = await step.gradients(filledBatch(model, 2));
  const near = (what: string, value: number, wanted: number, relative: number, absolute = 0) => {
    const off = Math.abs(value - wanted);
    ok(off <= relative * Math.abs(wanted) + absolute, `${what}: ${value}, recorded ${wanted}`);
  };
  for (const [name, wanted] of Object.entries(recorded.losses)) {
    near(name, result.losses[name as "genF"], wanted, 1e-4);
  }
  const totals = lossTotals(result.losses, DEFAULT_LAMBDAS);
  for (const [name, wanted] of Object.entries(recorded.totals)) {
    near(`total of ${name}`, totals[name as "F"], wanted, 1e-4);
  }
  for (const [name, wanted] of Object.entries(recorded.judgements)) {
    const said = result.judgements.get(name)!;
    wanted.forEach((value, i) => near(`${name} ${i}`, said[i], value, 1e-4, 1e-6));
  }
  for (const [name, [sum, norm, ...values]] of Object.entries(recorded.images)) {
    const image = result[name as "fakeLabeled"];
    near(`sum of ${name}`, image.reduce((a, b) => a + b, 0), sum, 1e-4);
    near(`norm of ${name}`, normOf(image), norm, 1e-4);
    [...image.subarray(0, 3), image.at(-1)!].forEach((v, i) =>
      near(`${name} ${i}`, v, values[i], 1e-4, 1e-6)
    );
  }
  const gradients = await step.readGradients();
  for (const [scope, wanted] of Object.entries(recorded.norms)) {
    const own = [...gradients].filter(([name]) => name.startsWith(`${scope}/`));
    near(`gradient of ${scope}`, normOf(...own.map(([, data]) => data)), wanted, 0.01);
  }
  for (const [name, wanted] of Object.entries(recorded.variableNorms)) {
    near(`gradient of ${name}`, normOf(gradients.get(name)!), wanted, 0.01);
  }
}

/** Every case in every place, as checks of an acceptance program; `FFN_SECGAN_CASES` names cases and places to keep to. */
export async function checkCases(
  places: Readonly<Record<string, () => Promise<Backend>>>,
  { check }: Pick<AcceptanceContext, "check">,
): Promise<void> {
  const wanted = Deno.env.get("FFN_SECGAN_CASES")?.split(" ") ?? [];
  const chosen = (names: readonly string[]) => {
    const given = names.filter((name) => wanted.includes(name));
    return given.length > 0 ? given : names;
  };
  for (const place of chosen(Object.keys(places))) {
    for (const name of chosen(Object.keys(SECGAN_CASES))) {
      await using backend = await places[place]();
      const failure = await checkCase(SECGAN_CASES[name], backend).then(() => null, String);
      check(`case ${name}, ${place}`, failure ?? "as recorded", "as recorded", failure === null);
    }
  }
}
