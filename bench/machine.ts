/** What a result was measured on. */
import { cpus, totalmem } from "node:os";

/** Written beside every result. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly deno: string;
  readonly v8: string;
  /** Commit of this repository, with "+" where the working tree differs. */
  readonly commit: string;
  readonly date: string;
}

/** Describes this machine and the state of the repository at `root`. */
export function describeMachine(root: string): Machine {
  const git = (...args: string[]): string => {
    const { success, stdout } = new Deno.Command("git", { args, cwd: root }).outputSync();
    return success ? new TextDecoder().decode(stdout).trim() : "";
  };
  return {
    cpu: cpus()[0].model.trim(),
    cores: navigator.hardwareConcurrency,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    commit: git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") ? "+" : ""),
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Name of the result files of a machine: letters, digits and dashes. */
export function machineName({ cpu, cores }: Machine): string {
  return fileName(`${cpu} ${cores} cores`);
}

/** A text as letters, digits and dashes. */
export function fileName(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}
