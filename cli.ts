/**
 * The command line: `ffn COMMAND [options]`.
 *
 * @module
 */
import type { CommandList } from "./engine/commands/command.ts";
import { main } from "./engine/commands/main.ts";

/** Every command, in the order of `ffn --help`; each is loaded when it is asked for. */
export const COMMANDS: CommandList = {
  "evaluate": () => import("./engine/commands/evaluate.ts"),
  "info": () => import("./engine/commands/info.ts"),
};

if (import.meta.main) Deno.exit(await main(Deno.args, COMMANDS));
