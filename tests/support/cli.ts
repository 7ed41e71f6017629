/** The command line inside a test: same code as `ffn`, output as text, no process. */
import { COMMANDS } from "../../cli.ts";
import { main } from "../../engine/commands/main.ts";

/** What a command line did. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ffn ...args`. */
export async function ffn(...args: string[]): Promise<CliResult> {
  let stdout = "", stderr = "";
  const code = await main(args, COMMANDS, {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    columns: () => null,
  });
  return { code, stdout, stderr };
}
