import { plainText } from "./conversation.js";

/** Turns entries of the conversation into elements. Text goes in as text, never as HTML. */

export function element(tag, { on = {}, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  for (const [event, handler] of Object.entries(on)) node.addEventListener(event, handler);
  node.append(...children);
  return node;
}

function button(label, onClick, title = "") {
  return element("button", { type: "button", title, on: { click: onClick } }, label);
}

/** A click on the message itself acts too, unless it ends a selection or hits a button. */
function onMessageClick(act) {
  return (event) => {
    if (event.target.closest("button") || !getSelection().isCollapsed) return;
    act();
  };
}

export function userView(entry, { edit }) {
  const text = element("div", { className: "text", on: { click: onMessageClick(edit) } });
  text.textContent = entry.content;
  const actions = element("div", { className: "actions" }, button("Edit", edit, "Take it back into the input"));
  return element("article", { className: "user", ariaLabel: "You" }, text, actions);
}

export function noteView({ command, output }) {
  const answer = typeof output === "string" ? element("p", {}, output)
    : element("dl", {}, ...output.flatMap(([name, about]) => [element("dt", {}, name), element("dd", {}, about)]));
  return element("div", { className: "note" }, element("p", {}, command), answer);
}

/** Shows one answer from its first dot to its last figure. */
export class AnswerView {
  #entry;
  #retry;
  #text;
  #actions = element("div", { className: "actions" });
  #spans = new Map(); // part -> the text node that grows with it

  constructor(entry, { retry }) {
    this.#entry = entry;
    this.#retry = retry;
    this.#text = element("div", { className: "text", on: { click: onMessageClick(retry) } });
    const dots = element("span", { className: "typing", role: "img", ariaLabel: "Thinking" });
    dots.append(...[1, 2, 3].map(() => element("i")));
    this.#text.append(dots);
    this.node = element("article", { className: "assistant", ariaLabel: "NanoChat" }, this.#text, this.#actions);
  }

  /** Shows that `part` has grown by `text`. */
  grow(part, text) {
    if (this.#spans.size === 0) this.#text.replaceChildren();
    if (!this.#spans.has(part)) this.#spans.set(part, this.#open(part));
    this.#spans.get(part).appendData(text);
  }

  #open(part) {
    const node = document.createTextNode("");
    if (part.type === "text") {
      this.#text.append(node);
    } else if (part.type === "python") {
      const call = element("code", { className: "call" }, node);
      this.#text.append(element("span", { className: "tool" }, element("b", {}, "calculator"), call));
    } else {
      const last = this.#text.lastElementChild;
      const follows = last?.className === "tool" && last === this.#text.lastChild;
      const tool = follows ? last : element("span", { className: "tool" }, element("b", {}, "result"));
      tool.append(element("span", { className: "equals" }, "="), element("output", {}, node));
      this.#text.append(tool);
    }
    return node;
  }

  /** Shows the entry as it stands at the end: done, stopped or failed. */
  finish() {
    const { parts, state, error } = this.#entry;
    this.#spans.clear();
    this.#text.replaceChildren();
    this.node.dataset.state = state;
    if (state === "failed") {
      this.#text.remove();
      const again = button("Try again", this.#retry);
      const box = element("div", { className: "error", role: "alert" }, element("p", { textContent: error }), again);
      this.node.replaceChildren(box);
      return;
    }
    for (const part of parts) this.grow(part, part.text);
    for (const tool of this.#text.querySelectorAll(".tool:not(:has(output))")) {
      tool.append(element("span", { className: "equals" }, "no result"));
    }
    this.#actions.append(
      button("Try again", this.#retry, "Answer anew"),
      ...this.#copyButton(),
      element("span", { className: "facts", textContent: facts(this.#entry) }),
    );
  }

  #copyButton() {
    if (!navigator.clipboard) return []; // only offered over https and on localhost
    const copy = button("Copy", async () => {
      await navigator.clipboard.writeText(plainText(this.#entry.parts));
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
    return [copy];
  }
}

function facts({ state, finishReason, tokens, seconds }) {
  const list = [];
  if (state === "stopped") list.push("stopped");
  if (finishReason === "length") list.push(`cut off after ${tokens} tokens`);
  else if (tokens) list.push(`${tokens} ${tokens === 1 ? "token" : "tokens"}`);
  if (tokens && seconds > 0) list.push(`${Math.max(1, Math.round(tokens / seconds))} a second`);
  return list.join(" · ");
}
