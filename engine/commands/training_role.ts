import { starterIsGone } from "../cluster/worker_processes.ts";
import type { TrainValues } from "./training_config.ts";

/**
 * When a process of a run has to stop. Those that a launcher started stop when it closes their standard input or is gone.
 * Owners wait for that even at SIGTERM, which a scheduler sends to all processes of a job alike: until the launcher says so,
 * the chief may be saving what they hold.
 */
export function roleSignal({ jobName }: TrainValues, terminated: AbortSignal): AbortSignal {
  const gone = starterIsGone();
  if (gone === null) return terminated;
  return jobName === "ps" ? gone : AbortSignal.any([terminated, gone]);
}
