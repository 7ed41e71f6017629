import { deepStrictEqual, throws } from "node:assert/strict";
import { gpuEnvironment, graphicsCards } from "../../engine/cluster/gpu_environment.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("graphicsCards() finds display controllers in the order of the bus", async () => {
  await using folder = await temporaryFolder();
  const classes = {
    "0000:af:00.0": "0x030200\n",
    "0000:3b:00.0": "0x030000\n",
    "0000:00:1f.0": "0x060100\n",
  };
  for (const [address, code] of Object.entries(classes)) {
    await Deno.mkdir(folder.of(address));
    await Deno.writeTextFile(folder.of(address, "class"), code);
  }
  deepStrictEqual(await graphicsCards(folder.path), ["0000:3b:00.0", "0000:af:00.0"]);
  deepStrictEqual(await graphicsCards(folder.of("nothing")), []);
});

Deno.test("gpuEnvironment() shows one card, and says how where it cannot tell", () => {
  const cards = ["0000:3b:00.0", "0000:af:00.0"];
  deepStrictEqual(gpuEnvironment("CUDA_VISIBLE_DEVICES={i} DRI_PRIME={pci}", 1, cards), {
    CUDA_VISIBLE_DEVICES: "1",
    DRI_PRIME: "pci-0000_af_00_0",
  });
  deepStrictEqual(gpuEnvironment("ONLY={i}", 7, []), { ONLY: "7" });
  throws(() => gpuEnvironment("DRI_PRIME={pci}", 2, cards), /GPU 2: this machine shows 2 graphics/);
  throws(() => gpuEnvironment("no equals", 0, cards), /current part is "no"/);
});
