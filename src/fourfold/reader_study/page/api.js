// Requests to the server. Without a connection they are made again until they succeed; a rating counts as stored only
// when the server has said so.

const BETWEEN_ATTEMPTS = 1000;

let report = () => {};

// Call `changed` with whether there is a connection, after each attempt.
export function onConnection(changed) {
  report = changed;
}

export class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function request(path, options, read) {
  for (;;) {
    try {
      const response = await fetch(path, options);
      const content = response.ok ? await read(response) : await sentenceOf(response);
      report(true);
      if (response.ok) return content;
      throw new Refusal(response.status, content);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      report(false);
      await new Promise((done) => setTimeout(done, BETWEEN_ATTEMPTS));
    }
  }
}

async function sentenceOf(response) {
  const content = await response.text();
  try {
    return JSON.parse(content).sentence;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

export function get(path) {
  return request(path, {}, (response) => response.json());
}

export function pixels(token) {
  return request(`images/${token}`, {}, async (response) => new Uint16Array(await response.arrayBuffer()));
}

export function post(path, content) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) };
  return request(path, options, (response) => response.json());
}

// Sends one after the other, in the order of the clicks.
export class Outbox {
  constructor(changed) {
    this.waiting = [];
    this.sending = null;
    this.changed = changed;
  }

  add(path, content) {
    this.waiting.push([path, content]);
    this.sending ??= this.#send();
  }

  get empty() {
    return this.waiting.length === 0;
  }

  // Resolves when everything is sent.
  async sent() {
    while (this.sending) await this.sending;
  }

  async #send() {
    let refusal = null;
    while (this.waiting.length) {
      this.changed("Saving …", null);
      try {
        await post(...this.waiting[0]);
      } catch (error) {
        refusal = error.message;
      }
      this.waiting.shift();
    }
    this.sending = null;
    this.changed(refusal === null ? "Saved" : "Not saved", refusal);
  }
}
