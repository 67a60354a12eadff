// The order of the images by dragging letters: with a mouse, a finger, or Alt and the arrow keys.

export class Order {
  constructor(list, moved) {
    this.list = list;
    this.moved = moved;
  }

  // Show letters in the order of their ranks; those without one come last.
  show(letters, ranks) {
    const places = letters.map((_, index) => index);
    places.sort((one, other) => (ranks[one] ?? 99) - (ranks[other] ?? 99) || one - other);
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.place : null;
    this.list.replaceChildren(...places.map((place) => this.#item(letters[place], place, ranks[place])));
    if (focused !== null) this.list.querySelector(`[data-place="${focused}"]`)?.focus();
  }

  get places() {
    return [...this.list.querySelectorAll("button")].map((button) => Number(button.dataset.place));
  }

  #item(letter, place, rank) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.place = place;
    button.textContent = rank ? `${rank}  ${letter}` : letter;
    button.classList.toggle("unrated", !rank);
    button.setAttribute("aria-label", rank ? `Image ${letter}, rank ${rank}` : `Image ${letter}, no rank yet`);
    button.addEventListener("pointerdown", (event) => this.#drag(event, item, button));
    button.addEventListener("keydown", (event) => this.#key(event, item, button));
    item.append(button);
    return item;
  }

  #drag(event, item, button) {
    button.setPointerCapture(event.pointerId);
    button.classList.add("lifted");
    const before = this.places.join();
    const move = (at) => {
      const under = document.elementsFromPoint(at.clientX, at.clientY).find((each) => each.closest("#order li") && !item.contains(each));
      const other = under?.closest("li");
      if (!other) return;
      const box = other.getBoundingClientRect();
      // Behind the other one when it comes from before it; the pointer must be past the middle, so that nothing jumps.
      const follows = item.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING;
      const past = at.clientX > box.left + box.width / 2;
      // The others move: an element that is moved itself would lose the pointer.
      if (follows && past) while (item.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING) item.before(item.nextElementSibling);
      else if (!follows && !past) while (item.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_PRECEDING) item.after(item.previousElementSibling);
    };
    const end = (at) => {
      button.removeEventListener("pointermove", move);
      button.classList.remove("lifted");
      if (at.type === "pointerup" && this.places.join() !== before) this.moved(this.places);
    };
    button.addEventListener("pointermove", move);
    button.addEventListener("pointerup", end, { once: true });
    button.addEventListener("pointercancel", end, { once: true });
  }

  #key(event, item, button) {
    if (!event.altKey || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const other = event.key === "ArrowLeft" ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (event.key === "ArrowLeft") other.before(item);
    else other.after(item);
    button.focus();
    this.moved(this.places);
  }
}
