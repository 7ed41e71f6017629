import { rejects, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { Hdf5File } from "../../engine/volumes/hdf5_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { FIXTURES } from "./kinds.ts";

Deno.test("Hdf5Library keeps its worker for the next file, not for long, and not after a failure", async () => {
  const given = globalThis.Worker;
  using _ = { [Symbol.dispose]: () => void (globalThis.Worker = given) };
  let workers = 0;
  globalThis.Worker = class extends given {
    constructor(...args: ConstructorParameters<typeof given>) {
      super(...args);
      workers++;
    }
  };
  const look = async (path: string) => {
    await using file = await Hdf5File.open(path);
    return (await file.datasets()).length;
  };
  const path = `${FIXTURES}/old.h5`;
  for (const round of [1, 2, 3]) {
    strictEqual(await look(path), 2, `${round}`);
    strictEqual(workers, 1);
  }
  await setTimeout(1000);
  await look(path);
  strictEqual(workers, 2);

  await using folder = await temporaryFolder();
  const damaged = folder.of("damaged.h5");
  await Deno.writeFile(damaged, (await Deno.readFile(path)).subarray(0, 100));
  await rejects(look(damaged), { name: "FormatError" });
  await look(path);
  strictEqual(workers, 3);
});
