import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A real SLURM on this machine, ended when it goes out of scope. */
export interface SlurmCluster extends AsyncDisposable {
  /** Environment in which its programs find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs one of them and gives its output. */
  slurm(program: string, ...args: string[]): Promise<string>;
}

/** Whether the Debian packages slurm-wlm, munge and slurm-client are installed. */
export async function hasSlurm(): Promise<boolean> {
  for (const program of ["sbatch", "slurmctld", "slurmd", "munged"]) {
    const { success } = await new Deno.Command("bash", {
      args: ["-c", `command -v ${program}`],
      env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
      stdout: "null",
    }).output();
    if (!success) return false;
  }
  return true;
}

/** Brings up a controller and simulated nodes `n1`, `n2`, … of one core each, with their state in `folder`. */
export async function slurmCluster(folder: string, nodes: number): Promise<SlurmCluster> {
  const env = {
    SLURM_CONF: `${folder}/slurm.conf`,
    PATH: `${Deno.env.get("PATH")}:/usr/sbin`,
  };
  const run = async (program: string, args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(program, { args, env }).output();
    const text = new TextDecoder().decode(stdout);
    if (code === 0) return text.trim();
    throw new Error(
      `Cannot run ${program} ${args.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`,
    );
  };
  const down = async () => {
    await run("bash", [script("slurm_down.sh"), folder]);
    // slurmstepd may still write its last log.
    await setTimeout(300);
  };
  try {
    // The daemons keep the standard streams: a pipe would never end.
    const { success } = await new Deno.Command("bash", {
      ...{ args: [script("slurm_up.sh"), folder, `${nodes}`], env, stdout: "null", stderr: "null" },
    }).output();
    if (!success) throw new Error(`Cannot bring up SLURM: its logs are in "${folder}/log"`);
  } catch (error) {
    await down();
    throw error;
  }
  return {
    env,
    slurm: (program, ...args) => run(program, args),
    [Symbol.asyncDispose]: down,
  };
}
