/**
 * What was said, in order. An entry is one of
 *   { role: "user", content }
 *   { role: "assistant", parts, message, state, ... }  message is set once it can be sent back
 *   { role: "note", command, output }                  the page's own words, never sent
 * Entries are found by identity, so whatever else the page shows cannot shift them.
 */
export class Conversation {
  entries = [];

  add(entry) {
    this.entries.push(entry);
    return entry;
  }

  /** Removes this entry and all later ones; returns them. */
  cutFrom(entry) {
    const index = this.entries.indexOf(entry);
    return index < 0 ? [] : this.entries.splice(index);
  }

  lastQuestion() {
    return this.entries.findLast((entry) => entry.role === "user");
  }

  /**
   * The messages to send: answered questions in order and the newest one. A question whose answer
   * failed is left out, since roles must alternate; so are the oldest exchanges beyond `limits`.
   */
  messages(limits) {
    const exchanges = [];
    let question = null;
    for (const entry of this.entries) {
      if (entry.role === "user") question = { role: "user", content: entry.content };
      if (entry.role === "assistant" && entry.message && question) {
        exchanges.push([question, entry.message]);
        question = null;
      }
    }
    const kept = question ? [question] : [];
    let total = question ? sizeOf(question) : 0;
    for (const exchange of exchanges.reverse()) {
      const sizes = exchange.map(sizeOf);
      total += sizes[0] + sizes[1];
      const fits = !limits || (total <= limits.total_chars[1]
        && kept.length + 2 <= limits.messages[1]
        && Math.max(...sizes) <= limits.message_chars[1]);
      if (!fits) break;
      kept.unshift(...exchange);
    }
    return kept;
  }
}

/** Characters of a message, counted as the server does: by code point, over all parts. */
function sizeOf(message) {
  const texts = message.parts ? message.parts.map((part) => part.text) : [message.content];
  return texts.reduce((sum, text) => sum + [...text].length, 0);
}

/** Adds a token event to an answer's parts; returns the part that grew. */
export function grow(parts, event) {
  const index = event.part ?? 0;
  parts[index] ??= { type: event.type ?? "text", text: "" };
  parts[index].text += event.token;
  return parts[index];
}

/** An answer as plain text, tool calls in brackets: "so [12*3 = 36] 36 in all". */
export function plainText(parts) {
  return parts.map(({ type, text }, index) => {
    if (type === "text") return text;
    const result = parts[index + 1]?.type === "python_output";
    return type === "python" ? `[${text}${result ? "" : "]"}` : ` = ${text}]`;
  }).join("");
}

/** The message of an answer that was stopped, or null if nothing was said. */
export function messageOf(parts) {
  const content = parts.map((part) => part.text).join("");
  if (!content) return null;
  const plain = parts.every((part) => part.type === "text");
  return plain ? { role: "assistant", content } : { role: "assistant", content, parts };
}
