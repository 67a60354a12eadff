// Colour tables of 256 entries (red, green, blue) and the bars that explain them.

// Matplotlib's inferno (CC0), every seventeenth entry: dark where there is no error, even steps in lightness.
const INFERNO = [
  0x000004, 0x0c0826, 0x240c4f, 0x420a68, 0x5d126e, 0x781c6d, 0x932667, 0xae305c,
  0xc73e4c, 0xdd513a, 0xed6925, 0xf8850f, 0xfca50a, 0xfac62d, 0xf2e661, 0xfcffa4,
];

// From blue (negative) over black (zero) to orange (positive): the lightness L* grows evenly, alike on both sides.
const BLUE_TO_ORANGE = [
  0xaae6ff, 0x42ccff, 0x06ade3, 0x038dc0, 0x036f9e, 0x02527b, 0x013859, 0x001f38, 0x000000, 0x3a0f00, 0x651a00, 0x8c2f00,
  0xa94d11, 0xc56d26, 0xe18d3c, 0xfcae54, 0xffd6a6,
];

function channels(colour) {
  return [colour >> 16, (colour >> 8) & 255, colour & 255];
}

function interpolated(colours) {
  const table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const position = (i / 255) * (colours.length - 1);
    const first = Math.min(Math.floor(position), colours.length - 2);
    const [from, to] = [channels(colours[first]), channels(colours[first + 1])];
    for (let c = 0; c < 3; c++) table[3 * i + c] = from[c] + (to[c] - from[c]) * (position - first);
  }
  return table;
}

const GREY = interpolated([0x000000, 0xffffff]);
const HEAT = interpolated(INFERNO);
const SIGNED = interpolated(BLUE_TO_ORANGE);

// Paint `count` pixels of `image` (ImageData): value(i) from low to high runs through the table.
function paint(image, table, low, high, value) {
  const { data } = image;
  const gain = 255 / (high - low);
  for (let i = 0, o = 0; o < data.length; i++, o += 4) {
    const level = Math.max(0, Math.min(255, Math.round((value(i) - low) * gain))) * 3;
    data[o] = table[level];
    data[o + 1] = table[level + 1];
    data[o + 2] = table[level + 2];
    data[o + 3] = 255;
  }
}

function drawBar(canvas, table) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(256, 1);
  paint(image, table, 0, 255, (i) => i);
  context.putImageData(image, 0, 0);
}
