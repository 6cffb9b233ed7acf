// What is asked of a page, as the body of a function. Lengths are in CSS pixels.
//   title, headings   their words
//   scheme, ink       'light' or 'dark', as the page is asked for; how dark its words are, 0 to 1
//   room, wide        the width that there is, and that of the page
//   outside           words and pictures that are cut off: out of the page or of their box
//   upon              pairs of words that lie upon each other
//   pictures          of each: its address (64 characters), words, natural and shown size, and the
//                     size of the box that it fills, where there is one

// Those that wait until they are in sight as well.
const all = [...document.images];
for (const image of all) image.loading = 'eager';
await Promise.allSettled(all.map(image => image.decode()));

const room = document.documentElement.clientWidth;
const scrolls = style => ['auto', 'scroll'].includes(style.overflowX);

/** The box that clips an element, or the page; null for one that can be scrolled to. */
function clip(element) {
  for (let box = element; box && box !== document.body; box = box.parentElement) {
    const style = getComputedStyle(box);
    if (scrolls(style)) return null;
    if (style.overflowX === 'hidden') return box.getBoundingClientRect();
  }
  return { left: 0, right: room };
}

const outside = [];
function check(element, rect, words) {
  const box = clip(element);
  if (box && rect.width && (rect.left < box.left - 1 || rect.right > box.right + 1))
    outside.push(`${words}: ${rect.left.toFixed()} to ${rect.right.toFixed()}`);
}

const lines = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, words = node.data.trim();
  if (!words) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const rect of range.getClientRects()) {
    check(node.parentElement, rect, words.slice(0, 60));
    if (clip(node.parentElement)) lines.push({ node, rect, words });
  }
}
for (const image of all)
  if (!image.closest('.image')) check(image, image.getBoundingClientRect(), image.alt || 'bar');

// A line box is higher than its letters, so that those of two lines may touch.
const upon = [];
lines.sort((one, other) => one.rect.top - other.rect.top);
for (let n = 0; n < lines.length; n++)
  for (let m = n + 1; m < lines.length && lines[m].rect.top < lines[n].rect.bottom - 4; m++) {
    const [one, other] = [lines[n], lines[m]];
    const across = Math.min(one.rect.right, other.rect.right)
      - Math.max(one.rect.left, other.rect.left);
    if (one.node !== other.node && across > 1) upon.push(`${one.words} / ${other.words}`);
  }

const ink = getComputedStyle(document.body).color.match(/[\d.]+/g).slice(0, 3).map(Number);
const size = element => {
  const { width, height } = element.getBoundingClientRect();
  return [width, height];
};

return {
  title: document.title,
  headings: [...document.querySelectorAll('h1, h2, h3, h4')].map(one => one.innerText),
  scheme: matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
  ink: 1 - (ink[0] + ink[1] + ink[2]) / 3 / 255,
  room,
  wide: document.scrollingElement.scrollWidth,
  outside,
  upon,
  pictures: all.map(image => ({
    address: image.src.slice(0, 64),
    words: image.alt,
    natural: [image.naturalWidth, image.naturalHeight],
    shown: size(image),
    box: image.matches('.image > :not(.map)') ? size(image.parentElement) : null,
  })),
};
