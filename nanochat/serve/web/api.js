import { EventParser } from "./sse.js";

/** Who is speaking, the sampling defaults and the limits, as the server tells them. */
export async function fetchHealth() {
  const response = await fetch("health", { cache: "no-store" });
  if (!response.ok) throw new Error(await explain(response));
  return response.json();
}

/** Yields the events of one answer; throws an Error whose message can be shown as it is. */
export async function* streamAnswer(request, signal) {
  const response = await reach(fetch("chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
    signal,
  }), "The server cannot be reached. Is it still running?");
  if (!response.ok) throw new Error(await explain(response));

  const parser = new EventParser();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { value, done } = await reach(reader.read(), "The connection broke off.");
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    reader.cancel().catch(() => {}); // already broken: nothing is left to cancel
  }
}

/** Browsers describe network trouble each in their own words; say it in ours. */
async function reach(promise, trouble) {
  try {
    return await promise;
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error(trouble);
  }
}

async function explain(response) {
  try {
    const { detail } = await response.json();
    if (typeof detail === "string") return detail;
  } catch {
    // not our server's reply; the status has to do
  }
  return `The server replied with status ${response.status}.`;
}
