/** Cuts a stream of text into its lines, each without its `\n`; a last line without one is dropped. */
export class TextLineStream extends TransformStream<string, string> {
  constructor() {
    let rest: string[] = [];
    super({
      transform(chunk, controller) {
        const [first, ...others] = chunk.split("\n");
        rest.push(first);
        for (const next of others) {
          controller.enqueue(rest.join(""));
          rest = [next];
        }
      },
    });
  }
}
