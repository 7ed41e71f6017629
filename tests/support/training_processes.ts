/** Processes of a distributed training run, as the operating system lists them. */

/**
 * Ids of the processes whose command line has all of these words; each word ends where the argument does. srun, which
 * names the command line of a process on another node, is none of them.
 */
export function processesWith(...words: readonly string[]): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const args = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      const program = Deno.readTextFileSync(`/proc/${name}/comm`).trim();
      if (program === "srun") continue;
      if (words.every((word) => args.includes(word))) found.push(Number(name));
    } catch {
      // It has just ended.
    }
  }
  return found;
}

/** Kills them at once; how many there were. */
export function killProcesses(...words: readonly string[]): number {
  const pids = processesWith(...words);
  for (const pid of pids) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }
  return pids.length;
}
