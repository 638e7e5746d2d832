/** Slash commands: handled in the page, never sent to the model. */

const NUMBERS = {
  "/temperature": {
    key: "temperature", name: "temperature", low: 0, high: 2, range: "0.0–2.0",
    about: "how freely words are drawn; 0 always takes the likeliest",
  },
  "/topk": {
    key: "top_k", name: "top-k", low: 1, high: 200, range: "1–200", whole: true,
    about: "draw from the k likeliest words only",
  },
};

const HELP = [
  ...Object.entries(NUMBERS).map(([command, { range, about }]) => [`${command} [${range}]`, about]),
  ["/clear", "start a new conversation"],
  ["/help", "show this list"],
];

export function isCommand(text) {
  return /^\/[\w-]+(\s|$)/.test(text);
}

/**
 * Returns { output } to show (a text, or pairs of a command and what it does) and, where the command asks for it, { clear: true } or
 * { settings } with the values to change.
 */
export function runCommand(text, settings) {
  const [command, ...values] = text.trim().split(/\s+/);
  if (command === "/help") return { output: HELP };
  if (command === "/clear") return { clear: true };
  const number = NUMBERS[command];
  if (!number) return { output: `There is no command ${command}. /help lists those there are.` };
  if (values.length === 0) {
    return { output: `${number.name} is ${settings[number.key] ?? "the server's default"}` };
  }
  const value = Number(values[0]);
  const ok = values.length === 1 && value >= number.low && value <= number.high
    && (!number.whole || Number.isInteger(value));
  if (!ok) {
    const kind = number.whole ? "a whole number" : "a number";
    return { output: `${number.name} takes ${kind} in ${number.range}, not “${values.join(" ")}”` };
  }
  return { settings: { [number.key]: value }, output: `${number.name} is now ${value}` };
}
