import { useEffect, useState } from 'preact/hooks';

/** `system`: as the operating system has it. */
export type Theme = 'system' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

const KEY = 'notifier-theme';
const dark = window.matchMedia('(prefers-color-scheme: dark)');

function chosen(): Theme {
  const stored = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === stored) ?? 'system';
}

/** Before anything is drawn. */
export function applyTheme(theme = chosen()): void {
  const isDark = theme === 'system' ? dark.matches : theme === 'dark';
  document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light';
}

/** What was chosen, and how to choose. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState(chosen);
  useEffect(() => {
    localStorage.setItem(KEY, theme);
    applyTheme(theme);
    const follow = () => applyTheme(theme);
    dark.addEventListener('change', follow);
    return () => dark.removeEventListener('change', follow);
  }, [theme]);
  return [theme, setTheme];
}

/** Changes with the colours that are on the screen. */
export function useColours(): string {
  const root = document.documentElement;
  const [colours, setColours] = useState(root.dataset['theme'] ?? 'light');
  useEffect(() => {
    const observer = new MutationObserver(() => setColours(root.dataset['theme'] ?? 'light'));
    observer.observe(root, { attributeFilter: ['data-theme'] });
    return () => observer.disconnect();
  }, []);
  return colours;
}
