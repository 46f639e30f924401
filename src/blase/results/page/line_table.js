// The table of lines: searched, filtered, sorted, a page at a time.
const PER_PAGE = 25;
const STATUS = ['cloned', 'added', 'dropped'];
const plusMinus = (value, error, digits) => fixed(value, digits) + ' ± ' + fixed(error, digits);

function lineColumns(lines) {
  const columns = [
    { key: 'id', title: 'line', value: (k) => lines.id[k], text: (k) => lines.id[k] },
    { key: 'species', title: 'species', value: (k) => lines.species[k], text: (k) => lines.species[k] },
    { key: 'origin', title: 'origin', value: (k) => originOf(lines, k), text: (k) => originOf(lines, k) },
    { key: 'centre', title: 'centre [Å]', value: (k) => lines.centre[k], text: (k) => fixed(lines.centre[k], 3) },
    { key: 'width', title: 'width W [mÅ]', value: (k) => lines.width[k],
      text: (k) => plusMinus(lines.width[k], lines.width_error[k], 1) },
    { key: 'theory', title: 'theory [mÅ]', value: (k) => lines.width_theory[k],
      text: (k) => fixed(lines.width_theory[k], 1) },
    { key: 'departure', title: 'departure [σ]', value: (k) => Math.abs(lines.departure[k]),
      text: (k) => fixed(lines.departure[k], 1) },
    { key: 'moved', title: 'moved [mÅ]', value: (k) => lines.moved[k], text: (k) => fixed(lines.moved[k], 1) },
    { key: 'dex', title: 'strength [dex]', value: (k) => lines.strength_dex[k],
      text: (k) => plusMinus(lines.strength_dex[k], lines.strength_dex_error[k], 2) },
    { key: 'shift', title: 'shift [km/s]', value: (k) => lines.shift[k],
      text: (k) => plusMinus(lines.shift[k], lines.shift_error[k], 2) },
    { key: 'remark', title: 'remark', value: (k) => remark(lines, k), text: (k) => remark(lines, k) },
  ];
  return columns.filter((column) => column.key !== 'species' || lines.species);
}

function originOf(lines, k) {
  return lines.telluric[k] ? 'telluric' : 'stellar';
}

function remark(lines, k) {
  const parts = [];
  if (lines.status[k]) { parts.push(STATUS[lines.status[k]]); }
  if (lines.blend[k]) { parts.push('blend ' + lines.blend[k]); }
  if (lines.unsure[k]) { parts.push('prior-dominated'); }
  return parts.join(', ');
}

// Words name lines or what they are; a number is a wavelength to its digits, two with a dash are a range.
function matches(lines, k, words) {
  const text = [lines.id[k], originOf(lines, k), remark(lines, k), lines.species ? lines.species[k] : '']
    .join(' ').toLowerCase();
  return words.every((word) => {
    const range = word.match(/^(\d+(?:\.\d+)?)[-–](\d+(?:\.\d+)?)$/);
    if (range) {
      return [lines.centre[k], lines.observed[k]].some((w) => w >= Number(range[1]) && w <= Number(range[2]));
    }
    if (/^\d+(\.\d*)?$/.test(word)) {
      return text.includes(word) || [lines.centre[k], lines.observed[k]].some((w) => w.toFixed(3).startsWith(word));
    }
    return text.includes(word);
  });
}

function makeLineTable(fit, go) {
  const lines = fit.lines;
  const columns = lineColumns(lines);
  const table = document.getElementById('line-table');
  const inputs = ['search', 'filter-origin', 'filter-status', 'filter-surety']
    .map((id) => document.getElementById(id));
  let sort = { key: lines.departure.some(Number.isFinite) ? 'departure' : 'width', down: true };
  let chosen = [];
  let page = 0;

  const row = table.tHead.insertRow();
  for (const column of columns) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    column.head = cell;
    headButton(cell, column.title, () => {
      sort = { key: column.key, down: sort.key === column.key ? !sort.down : column.key !== 'id' };
      choose();
    });
    row.append(cell);
  }

  function filtered() {
    const [search, origin, status, surety] = inputs.map((input) => input.value.trim());
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const sure = {
      '': () => true,
      measured: (k) => !lines.unsure[k],
      prior: (k) => lines.unsure[k],
      blend: (k) => lines.blend[k] > 0,
    }[surety];
    return lines.id.map((_, k) => k).filter((k) => (!origin || originOf(lines, k) === origin)
      && (!status || STATUS[lines.status[k]] === status) && sure(k) && matches(lines, k, words));
  }

  function compare(value) {
    const sign = sort.down ? -1 : 1;
    return (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (typeof x === 'string') { return sign * x.localeCompare(y); }
      if (Number.isNaN(x) || Number.isNaN(y)) { return Number(Number.isNaN(x)) - Number(Number.isNaN(y)); }
      return sign * (x - y);
    };
  }

  function choose() {
    const column = columns.find((c) => c.key === sort.key);
    chosen = filtered().sort(compare(column.value));
    page = 0;
    for (const other of columns) { other.head.removeAttribute('aria-sort'); }
    column.head.setAttribute('aria-sort', sort.down ? 'descending' : 'ascending');
    document.getElementById('line-count').textContent = countText();
    show();
    drawHistogram(lines, chosen);
  }

  function countText() {
    const left = lines.n_all > lines.id.length
      ? ' (the strongest of ' + lines.n_all + '; all are in lines.ecsv)' : '';
    return chosen.length + ' of ' + lines.id.length + ' lines' + left;
  }

  function show() {
    const pages = Math.max(1, Math.ceil(chosen.length / PER_PAGE));
    page = clamp(page, 0, pages - 1);
    const body = table.tBodies[0];
    body.textContent = '';
    for (const k of chosen.slice(page * PER_PAGE, (page + 1) * PER_PAGE)) { body.append(rowOf(k)); }
    document.getElementById('page-number').textContent = 'page ' + (page + 1) + ' of ' + pages;
    document.getElementById('page-back').disabled = page === 0;
    document.getElementById('page-on').disabled = page === pages - 1;
  }

  function rowOf(k) {
    const line = document.createElement('tr');
    line.dataset.line = lines.id[k];
    columns.forEach((column, c) => {
      const cell = document.createElement(c ? 'td' : 'th');
      if (c) {
        cell.textContent = column.text(k);
      } else {
        cell.scope = 'row';
        headButton(cell, column.text(k), () => go(k)).className = 'link';
      }
      line.append(cell);
    });
    return line;
  }

  inputs.forEach((input) => input.addEventListener('input', choose));
  document.getElementById('page-back').addEventListener('click', () => { page -= 1; show(); });
  document.getElementById('page-on').addEventListener('click', () => { page += 1; show(); });
  choose();
  return { draw: () => drawHistogram(lines, chosen) };
}
