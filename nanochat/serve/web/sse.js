/**
 * Takes a reply apart into its events. The network cuts bytes anywhere: in the middle of a line,
 * and in the middle of a character. What is incomplete waits for the next piece.
 */
export class EventParser {
  #decoder = new TextDecoder();
  #line = "";

  /** Returns the events that became complete with these bytes. */
  push(bytes) {
    const lines = (this.#line + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#line = lines.pop();
    return lines
      .filter((line) => line.startsWith("data:"))
      .map((line) => JSON.parse(line.slice("data:".length)));
  }
}
