// Numbers from text, and text from numbers. The counterpart of page_arrays.py.
const MISSING = 65535;

function bytesOf(text) {
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) { out[i] = raw.charCodeAt(i); }
  return out;
}

function halfToNumber(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) { return sign * fraction * 2 ** -24; }
  if (exponent === 31) { return fraction ? NaN : sign * Infinity; }
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// A straight line from first to last, and the levels beside it.
function alongRamp(words, column) {
  const slope = (column.last - column.first) / Math.max(words.length - 1, 1);
  return Float64Array.from(words, (word, i) => column.first + slope * i + column.low + column.step * word);
}

function decode(column) {
  const bytes = bytesOf(column.data);
  if (column.kind === 'flags') { return bytes; }
  if (column.kind === 'doubles') { return new Float64Array(bytes.buffer); }
  if (column.kind === 'ramp') { return alongRamp(new Uint16Array(bytes.buffer), column); }
  if (column.kind === 'singles') { return Float64Array.from(new Float32Array(bytes.buffer)); }
  const words = new Uint16Array(bytes.buffer);
  const out = new Float64Array(words.length);
  for (let i = 0; i < words.length; i += 1) {
    if (column.kind === 'halves') {
      out[i] = halfToNumber(words[i]);
    } else {
      out[i] = words[i] === MISSING ? NaN : column.low + column.step * words[i];
    }
  }
  return out;
}

function decodeAll(record) {
  const out = {};
  for (const [key, value] of Object.entries(record)) {
    out[key] = value && value.kind ? decode(value) : value;
  }
  return out;
}

// First index whose value is not below `wanted`, in increasing `values`.
function lowerBound(values, wanted) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) { low = middle + 1; } else { high = middle; }
  }
  return low;
}

function nearest(values, wanted) {
  const right = Math.min(Math.max(lowerBound(values, wanted), 1), values.length - 1);
  return wanted - values[right - 1] < values[right] - wanted ? right - 1 : right;
}

function fixed(value, decimals) {
  return Number.isFinite(value) ? value.toFixed(decimals).replace('-', '−') : '–';
}

function figures(value, digits) {
  if (!Number.isFinite(value)) { return '–'; }
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6)
    ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return text.replace('-', '−');
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
