// The images of a case: one window and one zoom for all of them.

const LARGEST_ZOOM = 16;

export class Viewer {
  constructor(changed) {
    this.images = [];
    this.changed = changed;
    this.moves = false;
  }

  // Show images (Uint16Array) of one size, `white` at the top of the window.
  show(images, canvases, { width, height, pixel_aspect: aspect, white }) {
    Object.assign(this, { images, canvases, width, height, aspect, white });
    this.sources = images.map(() => {
      const source = document.createElement("canvas");
      source.width = width;
      source.height = height;
      return source;
    });
    canvases.forEach((canvas) => this.#listen(canvas));
    this.reset();
  }

  reset() {
    this.level = 0.5;
    this.range = 0.5;
    this.zoom = 1;
    this.x = 0.5;
    this.y = 0.5;
    this.paint();
  }

  // Limits of the window. Level 0.5 and contrast 0.5 are the window of the case: 0 to white.
  limits() {
    const range = this.white * 4 ** (1 - 2 * this.range);
    const middle = this.white * (1.5 - 2 * this.level);
    return [middle - range / 2, middle + range / 2];
  }

  setWindow(level, range) {
    this.level = Math.min(1, Math.max(0, level));
    this.range = Math.min(1, Math.max(0.02, range));
    this.paint();
  }

  // Zoom so that the point (x, y) of the image, 0 to 1, stays where it is.
  zoomBy(factor, x = this.x, y = this.y) {
    const zoom = Math.min(LARGEST_ZOOM, Math.max(1, this.zoom * factor));
    this.x = x + (this.x - x) * (this.zoom / zoom);
    this.y = y + (this.y - y) * (this.zoom / zoom);
    this.zoom = zoom;
    this.#keepInside();
    this.draw();
  }

  moveBy(dx, dy) {
    this.x -= dx / this.zoom;
    this.y -= dy / this.zoom;
    this.#keepInside();
    this.draw();
  }

  #keepInside() {
    const margin = 0.5 / this.zoom;
    this.x = Math.min(1 - margin, Math.max(margin, this.x));
    this.y = Math.min(1 - margin, Math.max(margin, this.y));
  }

  // Turn all pixels into grey levels by the window.
  paint() {
    const [low, high] = this.limits();
    const scale = 255 / (high - low);
    this.images.forEach((pixels, index) => {
      const context = this.sources[index].getContext("2d");
      const picture = context.createImageData(this.width, this.height);
      const out = new Uint32Array(picture.data.buffer);
      for (let i = 0; i < pixels.length; i++) {
        const grey = Math.min(255, Math.max(0, Math.round((pixels[i] - low) * scale)));
        out[i] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
      }
      context.putImageData(picture, 0, 0);
    });
    this.changed();
    this.draw();
  }

  draw() {
    this.canvases?.forEach((canvas, index) => {
      if (!canvas.clientWidth) return;
      const width = Math.round(canvas.clientWidth * devicePixelRatio);
      const height = Math.round((width * this.height * this.aspect) / this.width);
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = this.zoom < 4;
      const [w, h] = [this.width / this.zoom, this.height / this.zoom];
      context.drawImage(this.sources[index], this.x * this.width - w / 2, this.y * this.height - h / 2, w, h, 0, 0, width, height);
    });
  }

  #listen(canvas) {
    const pointers = new Map();
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    const inImage = ([x, y]) => [this.x + (x - 0.5) / this.zoom, this.y + (y - 0.5) / this.zoom];
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      const before = pointers.get(event.pointerId);
      const now = place(event);
      const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      pointers.set(event.pointerId, now);
      const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
      if (others.length) {
        const distance = (at) => Math.hypot(at[0] - others[0][0], at[1] - others[0][1]) || 1e-3;
        this.zoomBy(distance(now) / distance(before), ...inImage(others[0]));
      } else if (this.moves || event.shiftKey) {
        this.moveBy(dx, dy);
      } else {
        this.setWindow(this.level - dy * 0.6, this.range + dx * 0.6);
      }
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
    }
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, ...inImage(place(event)));
    }, { passive: false });
  }
}
