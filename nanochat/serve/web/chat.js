/** The page's conduct: what happens when the reader types, clicks and waits. */

import { fetchHealth, streamAnswer } from "./api.js";
import { isCommand, runCommand } from "./commands.js";
import { Conversation, grow, messageOf, plainText } from "./conversation.js";
import { AnswerView, element, noteView, userView } from "./view.js";

const PROMPTS = [
  ["Count letters", "How many r are in strawberry?"],
  ["Calculate", "A box holds 12 pens. How many pens are in 7 boxes?"],
  ["Ask who it is", "Who are you?"],
  ["Just talk", "Hello! How are you today?"],
];
const INPUT_HEIGHT = 200; // pixels the text area may grow to
const NEAR_END = 48; // pixels from the end that still count as reading there

const $ = (id) => document.getElementById(id);
const page = document.documentElement;
const input = $("input");

let conversation = new Conversation();
let nodes = new Map(); // entry -> its element
let settings = {}; // temperature, top_k, max_tokens; empty until the server has told its own
let limits = null;
let running = null; // the AbortController of the answer that is being written
let following = true; // whether the view stays at the end while the answer grows

// --- showing

function show(entry, node) {
  nodes.set(entry, node);
  $("messages").append(node);
  $("welcome").hidden = true;
  following = true;
  toEnd();
}

function cutFrom(entry) {
  for (const gone of conversation.cutFrom(entry)) {
    nodes.get(gone)?.remove();
    nodes.delete(gone);
  }
  $("welcome").hidden = conversation.entries.length > 0;
}

function note(command, output) {
  const entry = conversation.add({ role: "note", command, output });
  show(entry, noteView(entry));
}

function toEnd() {
  window.scrollTo({ top: page.scrollHeight, behavior: "instant" });
}

function follow() {
  if (following) toEnd();
  $("to-end").hidden = following;
}

function showSettings() {
  const { temperature, top_k: topK } = settings;
  $("settings").textContent = temperature === undefined ? ""
    : `temperature ${temperature} · top-k ${topK || "off"}`;
}

function fit() {
  input.style.height = "auto";
  input.style.height = `${Math.min(input.scrollHeight, INPUT_HEIGHT)}px`;
  $("send").disabled = running !== null || input.value.trim() === "";
}

function setRunning(controller) {
  running = controller;
  page.classList.toggle("running", controller !== null);
  $("send").hidden = controller !== null;
  $("stop").hidden = controller === null;
  fit();
}

function fill(text) {
  input.value = text;
  fit();
  input.focus();
}

// --- talking

function ask(text) {
  const entry = conversation.add({ role: "user", content: text });
  show(entry, userView(entry, { edit: () => edit(entry) }));
  generate();
}

function edit(entry) {
  if (running) return;
  cutFrom(entry);
  fill(entry.content);
}

function retry(entry) {
  if (running) return;
  cutFrom(entry);
  input.focus();
  generate();
}

async function generate() {
  const controller = new AbortController();
  const request = { messages: conversation.messages(limits), ...settings };
  const entry = conversation.add({ role: "assistant", parts: [], message: null, state: "running" });
  const view = new AnswerView(entry, { retry: () => retry(entry) });
  setRunning(controller);
  show(entry, view.node);
  try {
    await receive(entry, view, streamAnswer(request, controller.signal));
  } catch (error) {
    if (controller.signal.aborted) stopped(entry);
    else Object.assign(entry, { state: "failed", error: sentence(error.message) });
  }
  view.finish();
  if (running === controller) {
    setRunning(null);
    follow();
    $("status").textContent = entry.error ?? plainText(entry.parts);
  }
}

async function receive(entry, view, events) {
  const start = performance.now();
  for await (const event of events) {
    if (event.error) throw new Error(event.error);
    if (event.done) {
      finished(entry, event, (performance.now() - start) / 1000);
      return;
    }
    if (!event.token) continue;
    view.grow(grow(entry.parts, event), event.token);
    follow();
  }
  throw new Error("The connection broke off before the answer was complete.");
}

function finished(entry, { message, finish_reason: finishReason, usage }, seconds) {
  const whole = message ?? messageOf(entry.parts);
  if (!whole?.content) throw new Error("The model ended its turn without a word.");
  entry.message = whole;
  entry.parts = whole.parts ?? [{ type: "text", text: whole.content }];
  Object.assign(entry, { state: "done", finishReason, tokens: usage?.completion_tokens, seconds });
}

function stopped(entry) {
  entry.message = messageOf(entry.parts);
  if (entry.message) entry.state = "stopped";
  else Object.assign(entry, { state: "failed", error: "Stopped before the first word." });
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

function newConversation() {
  running?.abort();
  setRunning(null);
  if (conversation.entries.length > 0) cutFrom(conversation.entries[0]);
  conversation = new Conversation();
  nodes = new Map();
  fill("");
}

function submit() {
  const text = input.value.trim();
  if (running || !text) return;
  fill("");
  if (!isCommand(text)) return ask(text);
  const result = runCommand(text, settings);
  if (result.clear) return newConversation();
  settings = { ...settings, ...result.settings };
  showSettings();
  note(text, result.output);
}

// --- the server

async function meetServer() {
  try {
    const health = await fetchHealth();
    settings = { ...health.defaults, ...settings };
    limits = health.limits;
    showModel(health.model);
    showSettings();
  } catch {
    const again = element("button", { type: "button" }, "Check again");
    const box = element("div", { className: "error", role: "alert" },
      element("p", {}, "The server does not answer. Start it again, then check again."), again);
    again.addEventListener("click", () => { box.remove(); meetServer(); });
    document.querySelector("main").prepend(box);
  }
}

function showModel({ source, tag, step }) {
  $("model").dataset.stage = source;
  $("model").textContent = `${source} · ${tag} · step ${step}`;
  $("model").hidden = false;
}

// --- wiring

$("prompts").append(...PROMPTS.map(([label, text]) =>
  element("li", {}, element("button", { type: "button", on: { click: () => running || ask(text) } },
    element("small", {}, label), text))));
$("composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
$("stop").addEventListener("click", () => { running?.abort(); input.focus(); });
$("new").addEventListener("click", newConversation);
$("to-end").addEventListener("click", () => { following = true; follow(); input.focus(); });
input.addEventListener("input", fit);
input.addEventListener("keydown", (event) => {
  // an Enter that ends the composition of a character is not the end of a message
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
  if (event.key === "ArrowUp" && input.value === "" && conversation.lastQuestion()) {
    event.preventDefault();
    edit(conversation.lastQuestion());
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
  if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "n") {
    event.preventDefault();
    newConversation();
  }
});
window.addEventListener("scroll", () => {
  following = page.scrollHeight - window.innerHeight - window.scrollY < NEAR_END;
  $("to-end").hidden = following;
}, { passive: true });

fit();
input.focus();
meetServer();
