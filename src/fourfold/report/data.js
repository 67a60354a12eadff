// The page's numbers: every image is integers times a step, in percent of the first image's maximum.

const page = JSON.parse(document.getElementById("data").textContent);

function decode(base64, bytesPerValue) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  if (bytesPerValue === 1) return bytes;
  // The page stores little-endian integers, whatever this machine uses.
  const words = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < words.length; i++) words[i] = bytes[2 * i] | (bytes[2 * i + 1] << 8);
  return words;
}

// The frames that differ from a frame in time alone, in their order: all where no time is known.
const framesInTime = (frame) => page.series[page.series_of[frame]];

// A series of frames of one kind, decoded when first looked at.
class Series {
  constructor({ pixels, step }, bytesPerValue, id) {
    this.id = id;
    this.base64 = pixels;
    this.step = step;
    this.bytesPerValue = bytesPerValue;
    this.decoded = [];
  }

  frame(index) {
    this.decoded[index] ??= decode(this.base64[index], this.bytesPerValue);
    return this.decoded[index];
  }

  value(frame, offset) {
    return this.frame(frame)[offset] * this.step;
  }
}
