/** What people should know of a run, each kind once, until it is taken to where they see it. */
export class Notes {
  readonly #said = new Set<string>();
  readonly #waiting: string[] = [];

  /** Takes a note, unless there was one of its kind. */
  add(kind: string, text: string): void {
    if (!this.#said.has(kind)) this.#waiting.push(text);
    this.#said.add(kind);
  }

  /** Notes since the last call. */
  take(): string[] {
    return this.#waiting.splice(0);
  }
}
