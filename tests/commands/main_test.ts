import { match, strictEqual } from "node:assert/strict";
import { type Command, defineCommand } from "../../engine/commands/command.ts";
import { main } from "../../engine/commands/main.ts";
import { NotFoundError, UsageError } from "../../engine/errors/errors.ts";

async function run(command: Command, ...args: string[]) {
  let stdout = "", stderr = "";
  const code = await main(args, { "catch-fish": () => Promise.resolve({ command }) }, {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    columns: () => null,
  });
  return { code, stdout, stderr };
}

const throwing = (error: unknown) =>
  defineCommand({ description: "Catch a fish", run: () => Promise.reject(error) });

Deno.test("main() gives 0 to a command that ends, with results on standard output only", async () => {
  const command = defineCommand({
    description: "Catch a fish",
    run: (_, context) => {
      context.print("a cod");
      context.note("after a while");
      return Promise.resolve();
    },
  });
  const loud = await run(command, "catch-fish");
  strictEqual(loud.code, 0);
  strictEqual(loud.stdout, "a cod\n");
  strictEqual(loud.stderr, "after a while\n");
  const quiet = await run(command, "catch_fish", "--quiet");
  strictEqual(quiet.stdout, "a cod\n");
  strictEqual(quiet.stderr, "");
});

Deno.test("main() gives 1 to an error and prints it in one line", async () => {
  const { code, stdout, stderr } = await run(
    throwing(new NotFoundError('Cannot open "pond":\n  no such pond')),
    "catch-fish",
  );
  strictEqual(code, 1);
  strictEqual(stdout, "");
  strictEqual(stderr, 'ffn catch-fish: Cannot open "pond": no such pond\n');
});

Deno.test("main() names the class of an error that is not ours", async () => {
  const { code, stderr } = await run(throwing(new EvalError("heap of fish")), "catch-fish");
  strictEqual(code, 1);
  strictEqual(stderr, "ffn catch-fish: Cannot go on: EvalError: heap of fish\n");
});

Deno.test("main() prints the stack and the causes under --verbose", async () => {
  const error = new RangeError("Cannot lift 9 kg", { cause: new TypeError("the rod broke") });
  const { stderr } = await run(throwing(error), "catch-fish", "--verbose");
  match(stderr, /^ffn catch-fish: Cannot lift 9 kg\nRangeError: Cannot lift 9 kg\n +at /);
  match(stderr, /caused by TypeError: the rod broke\n/);
});

Deno.test("main() gives 2 to a usage error and says where the usage stands", async () => {
  const thrown = await run(throwing(new UsageError("Cannot fish without --bait")), "catch-fish");
  strictEqual(thrown.code, 2);
  strictEqual(
    thrown.stderr,
    "ffn catch-fish: Cannot fish without --bait; see ffn catch-fish --help\n",
  );
  const parsed = await run(throwing(new Error("never run")), "catch-fish", "--bate");
  strictEqual(parsed.code, 2);
  match(parsed.stderr, /^ffn catch-fish: Cannot .*"--bate".*; see ffn catch-fish --help\n$/);
  const unknown = await run(throwing(new Error("never run")), "cut-fish");
  strictEqual(unknown.code, 2);
  match(unknown.stderr, /^ffn: Cannot .*"cut-fish".*; see ffn --help\n$/);
});

Deno.test("main() gives 128 + signal to a command that stopped because of it", async () => {
  const command = defineCommand({
    description: "Catch a fish",
    run: async (_, { signal }) => {
      // Not SIGINT, which ends `deno test` itself.
      Deno.kill(Deno.pid, "SIGTERM");
      while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
      throw signal.reason;
    },
  });
  const { code, stderr } = await run(command, "catch-fish");
  strictEqual(code, 143);
  strictEqual(stderr, "ffn catch-fish: Stopped by SIGTERM\n");
});
