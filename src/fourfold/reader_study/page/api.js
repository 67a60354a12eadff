// Requests to the server. A rating counts as stored only when the server has said so.

export class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function answer(response) {
  if (response.ok) return response;
  let sentence = `The server answered ${response.status}.`;
  try {
    sentence = (await response.json()).sentence ?? sentence;
  } catch { /* no JSON */ }
  throw new Refusal(response.status, sentence);
}

export async function get(path) {
  return (await answer(await fetch(path))).json();
}

export async function pixels(token) {
  return new Uint16Array(await (await answer(await fetch(`images/${token}`))).arrayBuffer());
}

export async function post(path, content) {
  const body = JSON.stringify(content);
  await answer(await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body }));
}

// Sends one after the other, in the order of the clicks, and again while there is no connection.
export class Outbox {
  constructor(changed) {
    this.waiting = [];
    this.sending = null;
    this.changed = changed;
  }

  add(path, content) {
    this.waiting.push([path, content]);
    this.sending ??= this.#send();
    return this.sending;
  }

  get empty() {
    return this.waiting.length === 0;
  }

  async #send() {
    while (this.waiting.length) {
      this.changed("Saving …", null);
      try {
        await post(...this.waiting[0]);
        this.waiting.shift();
      } catch (error) {
        if (error instanceof Refusal) {
          this.waiting.shift();
          this.changed("", error.message);
          continue;
        }
        this.changed("Not saved", "There is no connection to the server. Your last ratings wait here and are sent again; keep this page open.");
        await new Promise((done) => setTimeout(done, 1000));
        continue;
      }
      if (!this.waiting.length) this.changed("Saved", null);
    }
    this.sending = null;
  }
}
