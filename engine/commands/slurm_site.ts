import { parse } from "npm:yaml@2.9.1";
import type { SlurmSite } from "../cluster/slurm_script.ts";
import { ConfigSection } from "./config_section.ts";

/** The values of `SLURM_SITE_OPTIONS`. */
export interface SiteFlags {
  readonly site?: string;
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  readonly constraint?: string;
  readonly gres?: string;
  readonly t?: string;
  readonly mem?: string;
  readonly cpusPerTask?: number;
  readonly sbatch?: readonly string[];
  readonly setup?: readonly string[];
  readonly program?: string;
}

const CLI = new URL("../../cli.ts", import.meta.url);

/** Words of the program that runs on a node. */
export function programOf({ program }: SiteFlags): string[] {
  return program?.split(/\s+/) ??
    [Deno.execPath(), "run", "-A", CLI.protocol === "file:" ? CLI.pathname : CLI.href];
}

/** What the site's file says, with flags in its place where they are given. */
export async function siteOf(flags: SiteFlags): Promise<SlurmSite> {
  const value = flags.site === undefined ? {} : parse(await Deno.readTextFile(flags.site)) ?? {};
  const section = new ConfigSection(value, `"${flags.site}"`);
  const text = (key: string, flag?: string) => {
    const stored = section.has(key) ? section.text(key) : undefined;
    return flag ?? stored;
  };
  const texts = (key: string, flag: readonly string[] = []) => [
    ...section.has(key) ? section.texts(key) : [],
    ...flag,
  ];
  const cpusPerTask = section.integer("cpus_per_task", undefined, 1);
  const site: SlurmSite = {
    partition: text("partition", flags.partition),
    account: text("account", flags.account),
    qos: text("qos", flags.qos),
    constraint: text("constraint", flags.constraint),
    gres: text("gres", flags.gres),
    time: text("time", flags.t),
    mem: text("mem", flags.mem),
    cpusPerTask: flags.cpusPerTask ?? cpusPerTask,
    sbatch: texts("sbatch", flags.sbatch),
    setup: texts("setup", flags.setup),
  };
  section.refuseOthers();
  return site;
}
