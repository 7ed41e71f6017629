/** Tries what a kernel process must not be able to do, and prints the name of each error (or "done"). */
const attempts: Record<string, () => unknown> = {
  readFile: () => Deno.readTextFileSync("/etc/hostname"),
  writeFile: () => Deno.writeTextFileSync("/tmp/ffn-permission-probe", ""),
  connect: () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
  listen: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  environment: () => Deno.env.toObject(),
  hostname: () => Deno.hostname(),
  spawn: () => new Deno.Command("true").outputSync(),
  dlopen: () => Deno.dlopen("libc.so.6", {}),
};

const results: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    results[name] = "done";
  } catch (error) {
    results[name] = (error as Error).name;
  }
}
console.log(JSON.stringify(results));
