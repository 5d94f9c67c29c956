import { visible } from "./visible.ts";

/**
 * An error that a person can put right: what was being done, the rule, the value and the way out, all in its message.
 * A notebook prints an error's `stack`, and twenty lines of library frames under such a message only hide it, so here
 * `stack` is the message alone. The frames are kept in `frames`, for those who look for them.
 *
 * @example
 * ```ts
 * import { PlainError } from "../../mod.ts";
 * class NoRoomError extends PlainError {
 *   override name = "NoRoomError";
 * }
 * String(new NoRoomError("Cannot write 'x': the disk is full.")); // "NoRoomError: Cannot write 'x': the disk is full."
 * ```
 */
export class PlainError extends Error {
  /** The stack as V8 captured it. */
  declare readonly frames: string | undefined;

  /** Takes a message that a person can act on. */
  constructor(message: string, options?: ErrorOptions) {
    super(visible(message), options);
    Object.defineProperty(this, "frames", { value: this.stack, enumerable: false });
    this.stack = `${new.target.name}: ${this.message}`;
  }
}
