// Colours come from the style sheet, so that canvases follow light and dark as the page does.
const THEMES = ['', 'light', 'dark'];
const THEME_NAMES = { '': 'as the system', light: 'light', dark: 'dark' };

const colours = new Map();

function colour(name) {
  if (!colours.has(name)) {
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim());
  }
  return colours.get(name);
}

// Dark blue to yellow with rising lightness: told apart by every kind of colour vision, and in grey.
const SCALE = [[0, 32, 77], [49, 68, 107], [87, 93, 109], [121, 119, 119], [158, 147, 116], [200, 179, 100],
  [253, 234, 69]];

function scaleColour(fraction) {
  const at = clamp(fraction, 0, 1) * (SCALE.length - 1);
  const below = Math.min(Math.floor(at), SCALE.length - 2);
  const part = at - below;
  const mixed = SCALE[below].map((c, k) => Math.round(c + part * (SCALE[below + 1][k] - c)));
  return 'rgb(' + mixed.join(',') + ')';
}

function wireTheme(redraw) {
  const change = () => { colours.clear(); redraw(); };
  const button = document.getElementById('theme');
  let current = 0;
  button.hidden = false;
  button.addEventListener('click', () => {
    current = (current + 1) % THEMES.length;
    if (THEMES[current]) {
      document.documentElement.dataset.theme = THEMES[current];
    } else {
      delete document.documentElement.dataset.theme;
    }
    button.textContent = 'Colours: ' + THEME_NAMES[THEMES[current]];
    change();
  });
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', change);
}
