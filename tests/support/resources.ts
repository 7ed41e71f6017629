/** What a test may need from outside: the shared data folder, a GPU adapter, nats-server, SLURM, what Chromium needs. Missing ones are reported as ignored. */
import { findNatsServer } from "../../engine/cluster/nats_server.ts";
import { hasSlurm } from "./slurm_cluster.ts";

// Software Vulkan drivers complain on standard error where it is not set; any folder will do.
if (Deno.build.os === "linux" && !Deno.env.get("XDG_RUNTIME_DIR")) {
  Deno.env.set("XDG_RUNTIME_DIR", Deno.env.get("TMPDIR") ?? "/tmp");
}

const given = Deno.env.get("FFN_SHARED");

/** Folder with `data/` and `spec/`, whether it exists or not: `FFN_SHARED`, default `shared` beside the repository. */
export const SHARED: string = given ?? new URL("../../../shared", import.meta.url).pathname;

/** The FIB-25 data folder. */
export const FIB25 = `${SHARED}/data/fib25`;

type Resource = "shared" | "gpu" | "nats" | "slurm" | "browser";

const required = new Set((Deno.env.get("FFN_REQUIRE") ?? "").split(",").map((s) => s.trim()));

/** Why a resource is missing, or null where it is there. */
async function missing(resource: Resource): Promise<string | null> {
  if (resource === "shared") {
    const found = await Deno.stat(FIB25).then((s) => s.isDirectory, () => false);
    return found ? null : `no shared data at "${FIB25}"; set FFN_SHARED`;
  }
  if (resource === "nats") return await findNatsServer().then(() => null, (error) => error.message);
  if (resource === "slurm") {
    return await hasSlurm() ? null : "no SLURM; run: apt-get install slurm-wlm munge";
  }
  if (resource === "browser") {
    try {
      Deno.dlopen("libnss3.so", {}).close();
      return null;
    } catch {
      return "Chromium needs libnss3; run: apt-get install libnss3";
    }
  }
  const adapter = await navigator.gpu?.requestAdapter();
  return adapter
    ? null
    : "no WebGPU adapter; install a Vulkan driver, for example mesa-vulkan-drivers";
}

const state: Record<Resource, string | null> = {
  shared: await missing("shared"),
  gpu: await missing("gpu"),
  nats: await missing("nats"),
  slurm: await missing("slurm"),
  browser: await missing("browser"),
};

/**
 * Registers a test that needs resources. Where one is missing the test is ignored and its name says why; when
 * `FFN_REQUIRE` lists the resource it fails instead.
 */
export function testWith(
  resources: Resource | Resource[],
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
): void {
  const lacking = [resources].flat().filter((r) => state[r] !== null);
  if (lacking.length === 0) return Deno.test(name, fn);
  const reason = lacking.map((r) => state[r]).join("; ");
  if (lacking.some((r) => required.has(r))) {
    return Deno.test(name, () => {
      throw new Error(`Cannot run without what FFN_REQUIRE lists: ${reason}`);
    });
  }
  Deno.test({ name: `${name} [ignored: ${reason}]`, ignore: true, fn });
}
