// asc: --importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536 --importTable
/**
 * The loop of one thread: it waits for a program, walks its calls with a barrier where one is asked for, and waits
 * again, without ever returning to JavaScript. Every thread runs this over the same memory.
 *
 * Control block: generation | address of the program | threads at the barrier | barrier phase | finished programs |
 * call that runs (for messages). A program is its number of calls, the address and stride of the threads' scratch memory,
 * and per call: table index of the kernel | of another that gives the same bytes (the same where there is none) | address of
 * arguments | items | 1 where all threads must have finished before the next call | milliseconds that the first thread has
 * spent in it so far, waiting for the others included.
 *
 * Where there are two kernels each thread tries both and keeps the faster: which one that is depends on the machine and on
 * how V8 was started, and cannot be asked for. What a thread knows about a kernel and its other takes 16 bytes: times tried |
 * least milliseconds per item of the one | of the other.
 */

/** Milliseconds since some fixed time; imported as `program.now`. */
declare function now(): f64;

const GENERATION: usize = 0;
const PROGRAM: usize = 4;
const ARRIVED: usize = 8;
const PHASE: usize = 12;
const FINISHED: usize = 16;
const RUNNING: usize = 20;

const PROGRAM_HEADER: usize = 12;
const CALL: usize = 24;

const KNOWLEDGE: usize = 16;
const LEAST: usize = 4;

/** Calls of each kernel before one is chosen: the first ones run before V8 has optimised them. */
const TRIALS: i32 = 24;

/** Loads before a thread goes to sleep, some microseconds: a layer's imbalance is usually shorter. */
const SPINS: i32 = 4000;

/** Waits until the word at `address` is no longer `old`. */
function waitWhile(address: usize, old: i32): void {
  for (let i = 0; i < SPINS; i++) {
    if (atomic.load<i32>(address) != old) return;
  }
  while (atomic.load<i32>(address) == old) {
    atomic.wait<i32>(address, old, -1);
  }
}

/** Waits until all threads have come here. */
function barrier(control: usize, threads: i32): void {
  const phase = atomic.load<i32>(control, PHASE);
  if (atomic.add<i32>(control, 1, ARRIVED) + 1 == threads) {
    atomic.store<i32>(control, 0, ARRIVED);
    atomic.add<i32>(control, 1, PHASE);
    atomic.notify(control + PHASE, -1);
  } else {
    waitWhile(control + PHASE, phase);
  }
}

/** Runs a call with the kernel or its other, whichever has been faster or is to be tried. */
function runFaster(call: usize, known: usize, begin: i32, end: i32, scratch: usize): void {
  const tried = load<i32>(known);
  // Twice the one, twice the other: neighbouring layers of a network differ, and each shall meet both.
  const other = tried < 2 * TRIALS
    ? (tried >> 1) & 1
    : <i32> (load<f32>(known, LEAST + 4) < load<f32>(known, LEAST));
  const start = now();
  call_indirect<void>(load<u32>(call + (other << 2)), load<usize>(call, 8), begin, end, scratch);
  if (tried >= 2 * TRIALS) return;
  const least = known + LEAST + (other << 2);
  const time = <f32> ((now() - start) / <f64> (end - begin));
  if (tried < 4 || time < load<f32>(least)) store<f32>(least, time);
  store<i32>(known, tried + 1);
}

/** Runs this thread's share of every call. */
function walk(control: usize, program: usize, knowledge: usize, thread: i32, threads: i32): void {
  const calls = load<i32>(program);
  const scratch = load<usize>(program, 4) + <usize> thread * load<usize>(program, 8);
  for (let i = 0; i < calls; i++) {
    const call = program + PROGRAM_HEADER + <usize> i * CALL;
    const items = load<i32>(call, 12);
    const begin = <i32> (<i64> items * thread / threads);
    const end = <i32> (<i64> items * (thread + 1) / threads);
    const start = thread == 0 ? now() : 0;
    if (thread == 0) store<i32>(control, i, RUNNING);
    if (begin < end) {
      const kernel = load<u32>(call);
      if (kernel == load<u32>(call, 4)) {
        call_indirect<void>(kernel, load<usize>(call, 8), begin, end, scratch);
      } else {
        runFaster(call, knowledge + <usize> kernel * KNOWLEDGE, begin, end, scratch);
      }
    }
    if (load<i32>(call, 16)) barrier(control, threads);
    if (thread == 0) store<f32>(call, load<f32>(call, 20) + <f32> (now() - start), 20);
  }
}

/** Serves programs until one has the address 0; `knowledge` is this thread's memory about kernels. */
export function serve(control: usize, knowledge: usize, thread: i32, threads: i32): void {
  let generation = 0;
  for (;;) {
    waitWhile(control + GENERATION, generation);
    generation = atomic.load<i32>(control, GENERATION);
    const program = atomic.load<usize>(control, PROGRAM);
    if (program == 0) return;
    walk(control, program, knowledge, thread, threads);
    barrier(control, threads);
    if (thread == 0) {
      atomic.add<i32>(control, 1, FINISHED);
      atomic.notify(control + FINISHED, -1);
    }
  }
}
