// Departures of the chosen lines from theory, in standard errors, beside the unit normal.
const HISTOGRAM_REACH = 8;
const HISTOGRAM_BINS = 64;

function drawHistogram(lines, chosen) {
  const canvas = document.getElementById('histogram');
  const { context, width, height } = prepare(canvas);
  const counts = new Float64Array(HISTOGRAM_BINS);
  const bin = 2 * HISTOGRAM_REACH / HISTOGRAM_BINS;
  let total = 0;
  let beyond = 0;
  let squares = 0;
  for (const k of chosen) {
    const value = lines.departure[k];
    if (!Number.isFinite(value)) { continue; }
    counts[clamp(Math.floor((value + HISTOGRAM_REACH) / bin), 0, HISTOGRAM_BINS - 1)] += 1;
    total += 1;
    squares += value * value;
    if (Math.abs(value) > 3) { beyond += 1; }
  }
  const normal = (x) => total * bin * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  const top = 1.08 * Math.max(...counts, normal(0), 1);
  const box = makeBox(46, 8, width - 54, height - 48, [-HISTOGRAM_REACH, HISTOGRAM_REACH], [0, top]);
  drawFrame(context, box, 'lines');
  context.fillStyle = colour('star');
  counts.forEach((count, k) => {
    const left = box.x(-HISTOGRAM_REACH + k * bin);
    const y = box.y(count);
    context.fillRect(left + 0.5, y, box.width / HISTOGRAM_BINS - 1, box.top + box.height - y);
  });
  const xs = Array.from({ length: 161 }, (_, k) => -HISTOGRAM_REACH + k * 0.1);
  drawCurve(context, xs, xs.map(normal), box, { colour: colour('model'), width: 1.8, dash: [6, 3] });
  drawXAxis(context, box, '(width − theory) / error; beyond ±' + HISTOGRAM_REACH + ' in the end bins');
  document.getElementById('histogram-readout').textContent = total
    ? total + ' lines: rms ' + fixed(Math.sqrt(squares / total), 2) + ' errors from theory, '
      + beyond + ' beyond 3; dashed: the unit normal.'
    : 'No line here has a theory and an error to compare with.';
}
