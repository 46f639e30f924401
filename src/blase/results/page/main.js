// One state, what changes it, and who draws it.
function load() {
  const raw = JSON.parse(document.getElementById('fit-data').textContent);
  const orders = raw.orders.map(decodeAll);
  for (const order of orders) { complete(order); }
  return {
    orders,
    templates: raw.templates.map((template) => (template ? withBand(decodeAll(template)) : null)),
    lines: decodeAll(raw.lines),
    curve: withGaps(raw.curve),
    thinning: raw.thinning,
    line: null,
    view: orders.length ? { order: 0, low: orders[0].low, high: orders[0].high } : null,
  };
}

function complete(order) {
  const n = order.wavelength.length;
  order.low = order.wavelength[0];
  order.high = order.wavelength[n - 1];
  order.lifted = order.telluric.map((value) => value + LIFT);
  order.free = order.flux.map((value, i) => value * order.star[i] * order.continuum[i] / order.model[i]);
  const sizes = order.ratio.filter(Number.isFinite).map(Math.abs).sort();
  order.reach = sizes.length ? sizes[Math.floor(0.99 * (sizes.length - 1))] : 1;
}

// JSON has no NaN: null stands for a missing number.
function withGaps(curve) {
  return curve && { ...curve, heldout: curve.heldout.map((value) => (value === null ? NaN : value)) };
}

function withBand(template) {
  const n = template.fitted.length;
  const growth = Math.log(template.last / template.first) / (n - 1);
  template.wavelength = Float64Array.from({ length: n }, (_, i) => template.first * Math.exp(growth * i));
  template.below = template.fitted.map((value, i) => value - template.error[i]);
  template.above = template.fitted.map((value, i) => value + template.error[i]);
  return template;
}

function lineCard(lines, k) {
  const rows = [
    ['origin', originOf(lines, k) + (remark(lines, k) ? ', ' + remark(lines, k) : '')],
    ['centre, its frame', fixed(lines.centre[k], 4) + ' Å'],
    ['seen at', fixed(lines.observed[k], 4) + ' Å'],
    ['equivalent width', plusMinus(lines.width[k], lines.width_error[k], 2) + ' mÅ'],
    ['theory', fixed(lines.width_theory[k], 2) + ' mÅ, departure ' + fixed(lines.departure[k], 1) + ' σ'],
    ['strength / theory', plusMinus(lines.strength_dex[k], lines.strength_dex_error[k], 3) + ' dex'],
    ['shift', plusMinus(lines.shift[k], lines.shift_error[k], 3) + ' km/s'],
    ['sigma', fixed(lines.sigma[k], 2) + ' km/s (theory ' + fixed(lines.sigma_theory[k], 2) + ')'],
    ['gamma', fixed(lines.gamma[k], 2) + ' km/s (theory ' + fixed(lines.gamma_theory[k], 2) + ')'],
  ];
  const name = document.createElement('h3');
  name.textContent = 'Line ' + lines.id[k] + (lines.species ? ', ' + lines.species[k] : '');
  const list = document.createElement('dl');
  for (const [term, text] of rows) {
    const pair = document.createElement('div');
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = term;
    dd.textContent = text;
    pair.append(dt, dd);
    list.append(pair);
  }
  return [name, list];
}

function start() {
  const fit = load();
  for (const element of document.querySelectorAll('.explorer')) { element.hidden = false; }
  wireSorting();
  const curve = makeCurve(fit.curve);
  if (!fit.view) { wireTheme(curve.draw); return; }
  const view = fit.view;
  // By departure from theory; lines without one come after all that have one, by their width.
  const notable = fit.lines.departure.map((value, k) => (
    Number.isFinite(value) ? Math.abs(value) : -1 / (1 + (fit.lines.width[k] || 0))));
  let shown = null;
  const card = document.getElementById('line-card');
  const announce = document.getElementById('announce');
  const chooser = document.getElementById('order');
  const element = (id) => document.getElementById(id);

  function show(order, low, high) {
    const whole = fit.orders[order];
    const span = clamp(high - low, Math.min(0.3, whole.high - whole.low), whole.high - whole.low);
    const middle = (low + high) / 2;
    view.order = order;
    view.low = clamp(middle - span / 2, whole.low, whole.high - span);
    view.high = view.low + span;
    if (!inView(shown)) { peekAtLargest(); }
    chooser.value = String(order);
    panel.draw();
    strip.draw(view);
  }

  const range = (low, high) => show(view.order, low, high);
  const whole = (order) => show(order, fit.orders[order].low, fit.orders[order].high);

  function shift(part) {
    const by = part * (view.high - view.low);
    const order = fit.orders[view.order];
    const other = view.order + Math.sign(part);
    const stuck = part < 0 ? view.low <= order.low + 1e-9 : view.high >= order.high - 1e-9;
    if (stuck && fit.orders[other]) { turn(Math.sign(part)); } else { range(view.low + by, view.high + by); }
  }

  function zoom(factor) {
    const half = factor * (view.high - view.low) / 2;
    const middle = inView(fit.line) ? fit.lines.observed[fit.line] : (view.low + view.high) / 2;
    range(middle - half, middle + half);
  }

  function turn(by) {
    const next = clamp(view.order + by, 0, fit.orders.length - 1);
    if (next !== view.order) { whole(next); }
    announce.textContent = 'Order ' + fit.orders[next].row;
  }

  const inView = (k) => k !== null && fit.lines.observed[k] >= view.low && fit.lines.observed[k] <= view.high;

  // With no line chosen or pointed at, the card tells of the one in view that departed most.
  function peekAtLargest() {
    const [first, last] = [view.low, view.high].map((edge) => lowerBound(fit.lines.observed, edge));
    let best = null;
    for (let k = first; k < last; k += 1) {
      if (best === null || notable[k] > notable[best]) { best = k; }
    }
    if (best === null) { sayNoLine('No line is in view.'); } else { peek(best); }
  }

  function peek(k) {
    shown = k;
    if (card.dataset.line !== fit.lines.id[k]) {
      card.dataset.line = fit.lines.id[k];
      card.replaceChildren(...lineCard(fit.lines, k));
    }
  }

  function select(k) {
    fit.line = k;
    if (k !== null) { peek(k); }
    panel.draw();
  }

  function orderOf(wavelength) {
    const here = fit.orders[view.order];
    if (wavelength >= here.low && wavelength <= here.high) { return view.order; }
    return fit.orders.findIndex((order) => wavelength >= order.low && wavelength <= order.high);
  }

  function visit(k, half) {
    const at = fit.lines.observed[k];
    const order = orderOf(at);
    if (order >= 0) { show(order, at - half, at + half); }
    select(k);
  }

  function step(by) {
    const at = inView(fit.line) ? fit.line
      : lowerBound(fit.lines.observed, (view.low + view.high) / 2) - (by > 0 ? 1 : 0);
    const next = clamp(at + by, 0, fit.lines.observed.length - 1);
    if (!fit.lines.id[next]) { return; }
    if (inView(next)) { select(next); } else { visit(next, (view.high - view.low) / 2); }
  }

  function release() {
    select(null);
    sayNoLine('No line is chosen.');
  }

  function sayNoLine(text) {
    shown = null;
    delete card.dataset.line;
    card.replaceChildren(Object.assign(document.createElement('p'), { textContent: text }));
  }

  const actions = {
    ArrowLeft: () => shift(-0.2),
    ArrowRight: () => shift(0.2),
    '+': () => zoom(0.5),
    '=': () => zoom(0.5),
    '-': () => zoom(2),
    0: () => whole(view.order),
    Home: () => { const o = fit.orders[view.order]; range(o.low, o.low + view.high - view.low); },
    End: () => { const o = fit.orders[view.order]; range(o.high - view.high + view.low, o.high); },
    PageUp: () => turn(-1),
    PageDown: () => turn(1),
    n: () => step(1),
    p: () => step(-1),
    Escape: release,
  };
  const key = (name) => {
    const action = actions[name] || actions[name.toLowerCase()];
    if (action) { action(); }
    return Boolean(action);
  };

  const panel = makePanel(fit, { range, peek, line: (k) => (k === null ? release() : select(k)), key });
  const strip = makeStrip(fit, show);
  const table = makeLineTable(fit, (k) => {
    visit(k, 2);
    element('figures').scrollIntoView({ block: 'start' });
    element('panel').focus({ preventScroll: true });
  });

  const buttons = {
    'previous-order': () => turn(-1),
    'next-order': () => turn(1),
    'zoom-in': () => zoom(0.5),
    'zoom-out': () => zoom(2),
    left: () => shift(-0.5),
    right: () => shift(0.5),
    reset: () => whole(view.order),
    'previous-line': () => step(-1),
    'next-line': () => step(1),
  };
  for (const [id, action] of Object.entries(buttons)) { element(id).addEventListener('click', action); }
  chooser.addEventListener('change', () => whole(Number(chooser.value)));
  element('goto').addEventListener('change', (event) => {
    const text = event.target.value.trim();
    const named = fit.lines.id.indexOf(text.toUpperCase());
    const order = named < 0 ? orderOf(Number(text)) : 0;
    element('goto-message').textContent = named < 0 && order < 0 ? 'no such line or wavelength' : '';
    if (named >= 0) { visit(named, 2); } else if (order >= 0) { show(order, Number(text) - 2, Number(text) + 2); }
  });

  peekAtLargest();
  const redraw = () => { panel.draw(); strip.draw(view); table.draw(); curve.draw(); };
  wireTheme(redraw);
  new ResizeObserver(redraw).observe(document.querySelector('main'));
  window.addEventListener('beforeprint', redraw);
}

start();
