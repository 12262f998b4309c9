import { THEMES, useTheme, type Theme } from './theme.js';

const NAMES: Readonly<Record<Theme, string>> = { system: 'As the system', light: 'Light', dark: 'Dark' };

const ICONS: Readonly<Record<Theme, string>> = {
  system: 'M3 4h14v9H3zM7 16.5h6M10 13v3.5',
  light:
    'M10 6.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6M10 1.8v1.6M10 16.6v1.6M1.8 10h1.6M16.6 10h1.6M4.2 4.2l1.1 1.1M14.7 14.7l1.1 1.1M4.2 15.8l1.1-1.1M14.7 5.3l1.1-1.1',
  dark: 'M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7z',
};

export function ThemeSwitch() {
  const [theme, setTheme] = useTheme();
  return (
    <fieldset class="themes">
      <legend class="unseen">Colours</legend>
      {THEMES.map((one) => (
        <label key={one} title={NAMES[one]}>
          <input type="radio" name="theme" checked={one === theme} onChange={() => setTheme(one)} />
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d={ICONS[one]} />
          </svg>
          <span class="unseen">{NAMES[one]}</span>
        </label>
      ))}
    </fieldset>
  );
}
