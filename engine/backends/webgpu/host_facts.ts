import { join } from "node:path";
import type { VulkanDriver } from "./diagnosis.ts";
import { GPU_VARIABLES } from "./diagnosis.ts";

/** Folders where the Vulkan loader of Linux looks for drivers. */
const DRIVER_FOLDERS = [
  "/etc/vulkan/icd.d",
  "/usr/share/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
];

/** What the file system and the environment tell about GPUs. */
export interface HostFacts {
  readonly nvidiaDriver: boolean;
  readonly container: boolean;
  readonly vulkanDrivers: readonly VulkanDriver[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Looks around; what may not be looked at counts as absent. */
export async function readHostFacts(): Promise<HostFacts> {
  const named = Deno.env.get("VK_DRIVER_FILES") ?? Deno.env.get("VK_ICD_FILENAMES");
  const paths = named ? named.split(":") : await driverFiles();
  const drivers = await Promise.all(paths.map(readDriver));
  const environment = GPU_VARIABLES.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    nvidiaDriver: await exists("/proc/driver/nvidia/version"),
    container: await exists("/.dockerenv") || await exists("/run/.containerenv") ||
      Deno.env.has("APPTAINER_CONTAINER") || Deno.env.has("SINGULARITY_CONTAINER"),
    vulkanDrivers: drivers.filter((d) => d !== null),
    environment: Object.fromEntries(environment),
  };
}

async function driverFiles(): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of DRIVER_FOLDERS) {
    try {
      for await (const entry of Deno.readDir(folder)) {
        if (entry.name.endsWith(".json")) paths.push(join(folder, entry.name));
      }
    } catch {
      // No such folder.
    }
  }
  return paths.sort();
}

async function readDriver(path: string): Promise<VulkanDriver | null> {
  try {
    const library = JSON.parse(await Deno.readTextFile(path))?.ICD?.library_path;
    return typeof library === "string" ? { path, library } : null;
  } catch {
    return null;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
