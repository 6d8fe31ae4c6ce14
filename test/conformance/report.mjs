/** The lines of a conformance run: `ok ...`, `FAILED ...` or `NOT RUN ...`, printed as they come and kept for the log. */

export class Report {
  #lines = [];
  #failed = false;
  #folder;

  /** @param folder this run's temporary folder, whose path is in no line */
  constructor(folder) {
    this.#folder = folder;
  }

  get failed() {
    return this.#failed;
  }

  /** All lines so far, as a file. */
  get text() {
    return this.#lines.map((line) => `${line}\n`).join('');
  }

  say(line) {
    const portable = line.replaceAll(this.#folder, '<folder>');
    this.#lines.push(portable);
    console.log(portable);
  }

  /** Takes over the lines of another program that says `ok` and `FAILED`. */
  sayAll(lines) {
    for (const line of lines) {
      this.say(line);
      if (line.startsWith('FAILED')) this.#failed = true;
    }
  }

  /** Says whether `what` passed, and what was measured. */
  judge(passed, what, summary) {
    if (!passed) this.#failed = true;
    this.say(`${passed ? 'ok' : 'FAILED'} ${what}: ${summary}`);
  }

  /** Runs checks; what they throw is the verdict on `what`. */
  async attempt(what, checks) {
    try {
      await checks();
    } catch (error) {
      if (process.env.GAN_ONNX_DEBUG) console.error(error);
      this.judge(false, what, String(error.message).trim().split('\n').at(-1));
    }
  }
}
